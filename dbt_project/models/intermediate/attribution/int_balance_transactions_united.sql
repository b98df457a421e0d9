-- The ledger: the union of what the listing by `created` and the payouts' lists gave, each
-- transaction once. The listing's copy stands; a list's copy stands in where there is none.
with

listed_by_created as (

    select * from {{ ref('stg_stripe__balance_transactions') }}

),

listed_by_payout as (

    select * from {{ ref('int_payout_transactions_classified') }}

),

lists_counted as (

    select
        account_id,
        balance_transaction_id,
        count(case when not is_left_out then payout_id end) as payout_count,
        min(case when not is_left_out then payout_id end) as first_payout_id,
        min(payout_id) as copy_payout_id
    from listed_by_payout
    group by account_id, balance_transaction_id

),

only_listed_by_payout as (

    select
        listed_by_payout.account_id,
        listed_by_payout.balance_transaction_id,
        {{ transaction_column_names('listed_by_payout') }}
    from listed_by_payout
    inner join lists_counted
        on
            listed_by_payout.account_id = lists_counted.account_id
            and listed_by_payout.balance_transaction_id = lists_counted.balance_transaction_id
            and listed_by_payout.payout_id = lists_counted.copy_payout_id
    left join listed_by_created
        on
            listed_by_payout.account_id = listed_by_created.account_id
            and listed_by_payout.balance_transaction_id
            = listed_by_created.balance_transaction_id
    where listed_by_created.balance_transaction_id is null

),

united as (

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names('listed_by_created') }},
        true as is_listed_by_created
    from listed_by_created

    union all

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names('only_listed_by_payout') }},
        false as is_listed_by_created
    from only_listed_by_payout

)

select
    united.account_id,
    united.balance_transaction_id,
    {{ transaction_column_names('united') }},
    united.is_listed_by_created,
    coalesce(lists_counted.payout_count, 0) as payout_count,
    lists_counted.first_payout_id
from united
left join lists_counted
    on
        united.account_id = lists_counted.account_id
        and united.balance_transaction_id = lists_counted.balance_transaction_id
