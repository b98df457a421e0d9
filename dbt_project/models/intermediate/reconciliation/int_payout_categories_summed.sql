-- What the rows of each payout's list add up to by category and currency, and what is wrong with
-- them: the one look at all rows that the sums of payouts and of their categories are made of.
with

compared as (

    select * from {{ ref('int_payout_transactions_compared') }}

)

select
    compared.account_id,
    compared.payout_id,
    compared.reporting_category,
    compared.currency,
    count(*) as listed_row_count,
    count(case when not compared.is_listed_otherwise then 1 end) as plain_row_count,
    count(case when not compared.is_left_out then 1 end) as transaction_count,
    cast(
        sum(
            case when not compared.is_left_out then compared.gross_amount_minor else 0 end
        ) as bigint
    ) as gross_amount_minor,
    cast(
        sum(
            case when not compared.is_left_out then compared.fee_amount_minor else 0 end
        ) as bigint
    ) as fee_amount_minor,
    cast(
        sum(
            case when not compared.is_left_out then compared.net_amount_minor else 0 end
        ) as bigint
    ) as net_amount_minor,
    count(case when {{ is_in_two_payouts('compared') }} then 1 end) as in_two_payouts_count,
    count(case when {{ is_different_in_ledger('compared') }} then 1 end) as different_count,
    count(case when compared.is_described_otherwise then 1 end) as described_otherwise_count,
    max({{ unlisted_moment('compared') }}) as newest_unlisted_at
from compared
group by
    compared.account_id,
    compared.payout_id,
    compared.reporting_category,
    compared.currency
