-- Both sides of a match that rules made alone add up to the same; of a returned payout, the lines
-- add up to nothing. What the user decided need not.
with

decided_by_user as (

    select distinct match_id
    from {{ ref('fct_bank_matches') }}
    where decided_by = 'user'

),

payouts as (

    select
        match_id,
        sum(payout_amount_minor) as amount_minor
    from (
        select distinct
            match_id,
            account_id,
            payout_id,
            payout_amount_minor
        from {{ ref('fct_bank_matches') }}
    ) as payouts_once
    group by match_id

),

bank_lines as (

    select
        matches_once.match_id,
        max(case when matches_once.match_rule = 'return' then 1 else 0 end) as is_returned,
        sum(all_lines.amount_minor) as amount_minor
    from (
        select
            match_id,
            bank_statement_line_id,
            max(match_rule) as match_rule
        from {{ ref('fct_bank_matches') }}
        where match_id not in (select decided_by_user.match_id from decided_by_user)
        group by match_id, bank_statement_line_id
    ) as matches_once
    inner join {{ ref('fct_bank_statement_lines') }} as all_lines
        on matches_once.bank_statement_line_id = all_lines.bank_statement_line_id
    group by matches_once.match_id

)

select
    bank_lines.match_id,
    payouts.amount_minor as payout_amount_minor,
    bank_lines.amount_minor as line_amount_minor
from bank_lines
inner join payouts on bank_lines.match_id = payouts.match_id
where
    bank_lines.amount_minor
    != case when bank_lines.is_returned = 1 then 0 else payouts.amount_minor end
