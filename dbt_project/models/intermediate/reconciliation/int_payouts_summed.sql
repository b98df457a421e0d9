-- What the parts of each payout add up to, in its own currency, and what is wrong with them.
with

checked as (

    select
        *,
        not is_left_out and not is_of_another_currency as is_summed
    from {{ ref('int_payout_transactions_checked') }}

)

select
    account_id,
    payout_id,
    count(*) as listed_row_count,
    -- What is listed plainly has an id of its own; telling the ids of all rows apart takes longer
    -- than all the rest.
    count(case when not is_listed_otherwise then 1 end)
    + count(distinct case when is_listed_otherwise then balance_transaction_id end)
        as listed_id_count,
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
    count(case when is_orphan then 1 end) as orphan_count
from checked
group by account_id, payout_id
