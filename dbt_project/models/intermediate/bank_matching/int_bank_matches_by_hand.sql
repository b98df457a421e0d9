-- What the user decided: a payout and a line of its currency and direction, which always wins.
-- Several payouts may share a line, or several lines a payout, but not both.
with

overrides as (

    select * from {{ ref('stg_bank__match_overrides') }}

),

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

pairs as (

    select distinct
        payouts.payout_key,
        lines.line_key
    from overrides
    inner join payouts
        on
            overrides.payout_id = payouts.payout_id
            and coalesce(overrides.account_id, payouts.account_id) = payouts.account_id
    inner join lines
        on
            overrides.bank_statement_line_id = lines.bank_statement_line_id
            and payouts.currency = lines.currency
            and sign(payouts.payout_amount_minor) = sign(lines.amount_minor)
    where lines.is_booked

),

counted as (

    select
        *,
        count(*) over (partition by payout_key) as lines_of_payout,
        count(*) over (partition by line_key) as payouts_of_line
    from pairs

)

select
    payout_key,
    line_key,
    lines_of_payout,
    payouts_of_line
from counted
where lines_of_payout = 1 or payouts_of_line = 1
