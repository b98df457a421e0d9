-- The ledger: the union of what the listing by `created` and the payouts' lists gave, each
-- transaction once. The listing's copy stands; a list's copy stands in where there is none.
with

listed_by_created as (

    select * from {{ ref('stg_stripe__balance_transactions') }}

),

listed_by_payout as (

    select * from {{ ref('int_payout_transactions_classified') }}

),

lists_naming_transaction as (

    select
        account_id,
        balance_transaction_id,
        min(payout_id) as first_payout_id,
        max(payout_id) as last_payout_id
    from listed_by_payout
    where not is_left_out
    group by account_id, balance_transaction_id

),

copies_in_lists_alone as (

    select
        listed_by_payout.account_id,
        listed_by_payout.balance_transaction_id,
        {{ transaction_column_names('listed_by_payout') }},
        row_number() over (
            partition by listed_by_payout.account_id, listed_by_payout.balance_transaction_id
            order by listed_by_payout.payout_id
        ) as copy_number
    from listed_by_payout
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

united as (

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names() }},
        true as is_listed_by_created
    from listed_by_created

    union all

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names() }},
        false as is_listed_by_created
    from copies_in_lists_alone
    where copy_number = 1

)

select
    united.account_id,
    united.balance_transaction_id,
    {{ transaction_column_names('united') }},
    united.is_listed_by_created,
    lists_naming_transaction.first_payout_id,
    lists_naming_transaction.last_payout_id
from united
left join lists_naming_transaction
    on
        united.account_id = lists_naming_transaction.account_id
        and united.balance_transaction_id = lists_naming_transaction.balance_transaction_id
