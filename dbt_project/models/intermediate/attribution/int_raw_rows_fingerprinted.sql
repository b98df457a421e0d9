-- The raw rows in parts, each with a fingerprint of all that decides what is built of it: the rows
-- of a payout's list, with the own rows that stay out of it and the payout's status; the rows of an
-- account's day.
with

lists as (

    select * from {{ ref('stg_stripe__payout_list_fingerprints') }}

),

ledger_days as (

    select * from {{ ref('stg_stripe__ledger_day_fingerprints') }}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

settlements as (

    select * from {{ ref('int_payouts_grouped_by_settlement') }}

),

own_rows_joined as (

    select
        account_id,
        settlement_id,
        {{ joined_in_order('balance_transaction_id') }} as own_row_ids
    from settlements
    group by account_id, settlement_id

),

payouts_joined as (

    select
        account_id,
        payout_id,
        count(*) as payout_count,
        {{ joined_in_order('payout_status') }} as statuses
    from payouts
    group by account_id, payout_id

),

settlements_joined as (

    select
        settlements.account_id,
        settlements.payout_id,
        {{ joined_in_order('own_rows_joined.own_row_ids') }} as own_row_ids
    from settlements
    inner join own_rows_joined
        on
            settlements.account_id = own_rows_joined.account_id
            and settlements.settlement_id = own_rows_joined.settlement_id
    group by settlements.account_id, settlements.payout_id

),

parts as (

    select
        lists.account_id,
        'list' as part_kind,
        lists.payout_id as part_name,
        lists.row_count,
        lists.nameless_row_count,
        lists.fingerprint
        || ', payouts: ' || cast(coalesce(payouts_joined.payout_count, 0) as string)
        || ', status: ' || coalesce(payouts_joined.statuses, '-')
        || ', own rows: ' || coalesce(settlements_joined.own_row_ids, '-') as fingerprint
    from lists
    left join payouts_joined
        on
            lists.account_id = payouts_joined.account_id
            and lists.payout_id = payouts_joined.payout_id
    left join settlements_joined
        on
            lists.account_id = settlements_joined.account_id
            and lists.payout_id = settlements_joined.payout_id

    union all

    select
        account_id,
        'day' as part_kind,
        cast(created_date as string) as part_name,
        row_count,
        nameless_row_count,
        fingerprint
    from ledger_days

)

select
    account_id,
    part_kind,
    part_name,
    row_count,
    nameless_row_count,
    fingerprint,
    {{ models_version() }} as models_version
from parts
