-- Payouts and lines of one amount, matched where their numbers agree. An island is a run of them in
-- which no two neighbours lie further apart than the window: where it holds as many payouts as
-- lines, the first belongs to the first. That the money is right is certain, which is which is not.
with

payouts as (

    select
        amount_key,
        item_key as payout_key,
        account_id,
        payout_id,
        destination_id,
        event_date
    from {{ ref('int_bank_ties_found') }}
    where is_payout

),

lines as (

    select
        amount_key,
        item_key as line_key,
        bank_account_id,
        payouts_of_line,
        event_date
    from {{ ref('int_bank_ties_found') }}
    where not is_payout

),

{{ matched_in_islands('whole', 'payouts', 'lines') }}

select
    payout_key,
    line_key,
    group_id
from whole_pairs
