-- What the parts of each payout add up to, in its own currency, and what is wrong with them.
with

checked as (

    select
        *,
        not is_left_out and not is_of_another_currency as is_summed
    from {{ ref('int_payout_transactions_checked') }}

),

-- What is listed plainly has an id of its own. Only what is not is told apart by its ids, and asked
-- for once more: to do that with all rows takes longer than all the rest.
listed_otherwise as (

    select
        account_id,
        payout_id,
        count(distinct balance_transaction_id) as id_count
    from {{ ref('int_payout_transactions_checked') }}
    where is_listed_otherwise
    group by account_id, payout_id

),

summed as (

    select
        account_id,
        payout_id,
        count(*) as listed_row_count,
        count(case when not is_listed_otherwise then 1 end) as plain_row_count,
        count(case when not is_left_out then 1 end) as transaction_count,
        cast(sum(case when is_summed then gross_amount_minor else 0 end) as bigint)
            as gross_amount_minor,
        cast(sum(case when is_summed then fee_amount_minor else 0 end) as bigint)
            as fee_amount_minor,
        cast(sum(case when is_summed then net_amount_minor else 0 end) as bigint)
            as net_amount_minor,
        count(case when is_in_two_payouts then 1 end) as in_two_payouts_count,
        count(case when is_of_another_currency then 1 end) as other_currency_count,
        count(case when is_different_in_ledger then 1 end) as different_count,
        count(case when is_described_otherwise then 1 end) as described_otherwise_count,
        count(case when is_orphan then 1 end) as orphan_count
    from checked
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
    summed.orphan_count
from summed
left join listed_otherwise
    on
        summed.account_id = listed_otherwise.account_id
        and summed.payout_id = listed_otherwise.payout_id
