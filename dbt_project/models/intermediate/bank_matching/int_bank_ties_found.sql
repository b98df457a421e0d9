-- Payouts and lines of one amount that have several of each other within the window: which is which
-- can't be told of each by itself. What is of one pool, currency and amount has one key.
with

all_payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

all_lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

hits as (

    select
        payout_key,
        line_key,
        count(*) over (partition by payout_key) as lines_of_payout,
        count(*) over (partition by line_key) as payouts_of_line
    from {{ ref('int_bank_amounts_alike') }}
    where is_expected and is_eligible

),

ties as (

    select * from hits
    where lines_of_payout > 1 or payouts_of_line > 1

),

tied_payouts as (

    select distinct payout_key from ties

),

tied_lines as (

    select distinct
        line_key,
        payouts_of_line
    from ties

)

select
    {{ narrow_key(hashed_id([
        'all_payouts.bank_pool_id', 'all_payouts.currency', 'all_payouts.payout_amount_minor',
    ])) }} as amount_key,
    true as is_payout,
    all_payouts.payout_key as item_key,
    all_payouts.expected_arrival_date as event_date,
    all_payouts.account_id,
    all_payouts.payout_id,
    all_payouts.destination_id,
    cast(null as string) as bank_account_id,
    cast(null as bigint) as payouts_of_line
from all_payouts
inner join tied_payouts on all_payouts.payout_key = tied_payouts.payout_key

union all

select
    {{ narrow_key(hashed_id([
        'all_lines.bank_pool_id', 'all_lines.currency', 'all_lines.amount_minor',
    ])) }} as amount_key,
    false as is_payout,
    all_lines.line_key as item_key,
    all_lines.posted_date as event_date,
    cast(null as string) as account_id,
    cast(null as string) as payout_id,
    cast(null as string) as destination_id,
    all_lines.bank_account_id,
    tied_lines.payouts_of_line
from all_lines
inner join tied_lines on all_lines.line_key = tied_lines.line_key
