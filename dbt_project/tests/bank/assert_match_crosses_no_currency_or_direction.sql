-- A payout and its line are of one currency and one direction; only a return goes the other way.
select
    matches.match_id,
    matches.account_id,
    matches.payout_id,
    matches.bank_statement_line_id
from {{ ref('fct_bank_matches') }} as matches
inner join {{ ref('stg_stripe__payouts') }} as payouts
    on
        matches.account_id = payouts.account_id
        and matches.payout_id = payouts.payout_id
inner join {{ ref('fct_bank_statement_lines') }} as bank_lines
    on matches.bank_statement_line_id = bank_lines.bank_statement_line_id
where
    payouts.currency != bank_lines.currency
    or sign(payouts.payout_amount_minor)
    != case
        when matches.match_rule = 'return' then -sign(bank_lines.amount_minor)
        else sign(bank_lines.amount_minor)
    end
