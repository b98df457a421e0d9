-- What the user decided by hand is what is published, or the user is told.
select
    overrides.line_number,
    overrides.payout_id,
    overrides.bank_statement_line_id
from {{ ref('stg_bank__match_overrides') }} as overrides
left join {{ ref('fct_bank_matches') }} as matches
    on
        overrides.payout_id = matches.payout_id
        and overrides.bank_statement_line_id = matches.bank_statement_line_id
        and matches.match_rule = 'manual'
left join {{ ref('fct_bank_statement_lines') }} as bank_lines
    on overrides.bank_statement_line_id = bank_lines.bank_statement_line_id
where
    (overrides.payout_id is not null and matches.match_id is null)
    or (
        overrides.payout_id is null
        and coalesce(bank_lines.line_match_status, '-') not in ('ignored', 'pending')
    )
