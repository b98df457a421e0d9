-- The ledger: the union of what the listing by `created` and the payouts' lists gave, each
-- transaction once. The listing's copy stands; a list's copy stands in where there is none.
{{ config(materialized='view') }}

with

listed_by_created as (

    select * from {{ ref('stg_stripe__balance_transactions') }}

),

lists_naming_transaction as (

    select
        account_id,
        balance_transaction_id,
        count(*) as copy_count,
        min(case when not is_left_out then payout_id end) as first_payout_id,
        max(case when not is_left_out then payout_id end) as last_payout_id
    from {{ ref('int_payout_transactions_classified') }}
    group by account_id, balance_transaction_id

),

listed_by_payout_alone as (

    select
        listed_by_payout.*,
        lists_naming_transaction.copy_count,
        lists_naming_transaction.first_payout_id,
        lists_naming_transaction.last_payout_id
    from {{ ref('int_payout_transactions_classified') }} as listed_by_payout
    inner join lists_naming_transaction
        on
            listed_by_payout.account_id = lists_naming_transaction.account_id
            and listed_by_payout.balance_transaction_id
            = lists_naming_transaction.balance_transaction_id
    where
        not exists (
            select 1
            from listed_by_created
            where
                listed_by_created.account_id = listed_by_payout.account_id
                and listed_by_created.balance_transaction_id
                = listed_by_payout.balance_transaction_id
        )

),

-- Few have several copies; only those are put in order, which costs more than all else here.
copies_ordered as (

    select
        *,
        row_number() over (
            partition by account_id, balance_transaction_id
            order by payout_id
        ) as copy_number
    from listed_by_payout_alone
    where copy_count > 1

)

select
    listed_by_created.account_id,
    listed_by_created.balance_transaction_id,
    {{ transaction_column_names('listed_by_created') }},
    true as is_listed_by_created,
    lists_naming_transaction.first_payout_id,
    lists_naming_transaction.last_payout_id
from listed_by_created
left join lists_naming_transaction
    on
        listed_by_created.account_id = lists_naming_transaction.account_id
        and listed_by_created.balance_transaction_id
        = lists_naming_transaction.balance_transaction_id

union all

select
    account_id,
    balance_transaction_id,
    {{ transaction_column_names() }},
    false as is_listed_by_created,
    first_payout_id,
    last_payout_id
from listed_by_payout_alone
where copy_count = 1

union all

select
    account_id,
    balance_transaction_id,
    {{ transaction_column_names() }},
    false as is_listed_by_created,
    first_payout_id,
    last_payout_id
from copies_ordered
where copy_number = 1
