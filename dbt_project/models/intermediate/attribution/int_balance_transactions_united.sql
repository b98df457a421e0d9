-- The ledger: the union of what the listing by `created` and the payouts' lists gave, each
-- transaction once. The listing's copy stands; a list's copy stands in where there is none.
{{ config(materialized='view') }}

with

listed_by_created as (

    select * from {{ ref('stg_stripe__balance_transactions') }}

),

-- Few transactions are in several lists. They alone are put in order; all others are taken as they
-- are, which costs less than half.
listed_several_times as (

    select
        account_id,
        balance_transaction_id
    from {{ ref('int_payout_transactions_classified') }}
    group by account_id, balance_transaction_id
    having count(*) > 1

),

listed_once as (

    select
        listed.*,
        case when not listed.is_left_out then listed.payout_id end as first_payout_id,
        case when not listed.is_left_out then listed.payout_id end as last_payout_id
    from {{ ref('int_payout_transactions_classified') }} as listed
    where
        not exists (
            select 1
            from listed_several_times as several
            where
                several.account_id = listed.account_id
                and several.balance_transaction_id = listed.balance_transaction_id
        )

),

copies_ordered as (

    select
        listed.*,
        min(case when not listed.is_left_out then listed.payout_id end) over (
            partition by listed.account_id, listed.balance_transaction_id
        ) as first_payout_id,
        max(case when not listed.is_left_out then listed.payout_id end) over (
            partition by listed.account_id, listed.balance_transaction_id
        ) as last_payout_id,
        row_number() over (
            partition by listed.account_id, listed.balance_transaction_id
            order by listed.payout_id
        ) as copy_number
    from {{ ref('int_payout_transactions_classified') }} as listed
    inner join listed_several_times as several
        on
            listed.account_id = several.account_id
            and listed.balance_transaction_id = several.balance_transaction_id

),

listed_by_payout as (

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names() }},
        first_payout_id,
        last_payout_id
    from listed_once

    union all

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names() }},
        first_payout_id,
        last_payout_id
    from copies_ordered
    where copy_number = 1

)

select
    coalesce(listed_by_created.account_id, listed_by_payout.account_id) as account_id,
    coalesce(
        listed_by_created.balance_transaction_id, listed_by_payout.balance_transaction_id
    ) as balance_transaction_id,
    {{ transaction_columns_of_first('listed_by_created', 'listed_by_payout') }},
    listed_by_created.account_id is not null as is_listed_by_created,
    listed_by_payout.first_payout_id,
    listed_by_payout.last_payout_id
from listed_by_created
full outer join listed_by_payout
    on
        listed_by_created.account_id = listed_by_payout.account_id
        and listed_by_created.balance_transaction_id = listed_by_payout.balance_transaction_id
