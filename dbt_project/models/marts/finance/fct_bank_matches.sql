with

made as (

    select * from {{ ref('int_bank_matches_made') }}

),

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

lines as (

    select
        line_key,
        bank_account_id
    from {{ ref('int_bank_lines_described') }}

)

select
    made.match_id,
    payouts.account_id,
    payouts.payout_id,
    lines.bank_account_id,
    made.bank_statement_line_id,
    payouts.currency,
    payouts.payout_amount_minor,
    made.amount_minor as line_amount_minor,
    made.posted_date,
    made.match_rule,
    made.match_cardinality,
    cast({{ days_between('payouts.expected_arrival_date', 'made.posted_date') }} as integer)
        as days_apart,
    made.decided_by
from made
inner join payouts on made.payout_key = payouts.payout_key
inner join lines on made.line_key = lines.line_key
