-- What the parts of each payout add up to, in its own currency, and what is wrong with them.
with

categories as (

    select * from {{ ref('int_payout_categories_summed') }}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

listings as (

    select * from {{ ref('stg_stripe__payout_listings') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

payouts_read as (

    {{ payouts_read('payouts', 'listings', 'accounts_read') }}

),

-- What is listed plainly has an id of its own. Only what is not is told apart by its ids: to do
-- that with all rows takes longer than all the rest.
listed_otherwise as (

    select
        compared.account_id,
        compared.payout_id,
        count(distinct compared.balance_transaction_id) as id_count
    from {{ ref('int_payout_transactions_compared') }} as compared
    where
        compared.is_listed_otherwise
        and exists (
            select 1
            from categories
            where
                categories.account_id = compared.account_id
                and categories.payout_id = compared.payout_id
                and categories.plain_row_count < categories.listed_row_count
        )
    group by compared.account_id, compared.payout_id

),

beside_payouts as (

    select
        categories.*,
        categories.currency = payouts_read.currency as is_of_its_currency,
        {{ is_orphan('categories.newest_unlisted_at', 'payouts_read') }} as has_orphans
    from categories
    inner join payouts_read
        on
            categories.account_id = payouts_read.account_id
            and categories.payout_id = payouts_read.payout_id

),

summed as (

    select
        account_id,
        payout_id,
        cast(sum(listed_row_count) as bigint) as listed_row_count,
        cast(sum(plain_row_count) as bigint) as plain_row_count,
        cast(sum(transaction_count) as bigint) as transaction_count,
        cast(sum(case when is_of_its_currency then gross_amount_minor else 0 end) as bigint)
            as gross_amount_minor,
        cast(sum(case when is_of_its_currency then fee_amount_minor else 0 end) as bigint)
            as fee_amount_minor,
        cast(sum(case when is_of_its_currency then net_amount_minor else 0 end) as bigint)
            as net_amount_minor,
        cast(sum(in_two_payouts_count) as bigint) as in_two_payouts_count,
        cast(sum(case when is_of_its_currency then 0 else transaction_count end) as bigint)
            as other_currency_count,
        cast(sum(different_count) as bigint) as different_count,
        cast(sum(described_otherwise_count) as bigint) as described_otherwise_count,
        max(case when has_orphans then 1 else 0 end) = 1 as has_orphans
    from beside_payouts
    group by account_id, payout_id

)

select
    summed.account_id,
    summed.payout_id,
    summed.listed_row_count,
    summed.plain_row_count + coalesce(listed_otherwise.id_count, 0) as listed_id_count,
    summed.transaction_count,
    summed.gross_amount_minor,
    summed.fee_amount_minor,
    summed.net_amount_minor,
    summed.in_two_payouts_count,
    summed.other_currency_count,
    summed.different_count,
    summed.described_otherwise_count,
    summed.has_orphans
from summed
left join listed_otherwise
    on
        summed.account_id = listed_otherwise.account_id
        and summed.payout_id = listed_otherwise.payout_id
