-- What nobody decided: payouts without a match and the lines without one that each of them could
-- be, and why that is no match.
with

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

made as (

    select * from {{ ref('int_bank_matches_made') }}

),

alike as (

    select * from {{ ref('int_bank_amounts_alike') }}

),

by_identifier as (

    select * from {{ ref('int_bank_matches_by_identifier') }}

),

by_sum as (

    select * from {{ ref('int_bank_matches_by_sum') }}

),

possible as (

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        'amount_mismatch' as candidate_reason
    from by_identifier
    where not is_same_amount

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        case
            when is_eligible then 'several_candidates'
            else 'no_stripe_marker'
        end as candidate_reason
    from alike
    where is_expected

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        'several_sums' as candidate_reason
    from by_sum
    where not is_match

)

select distinct
    possible.account_id,
    possible.payout_id,
    possible.bank_statement_line_id,
    possible.candidate_reason,
    payouts.currency,
    payouts.payout_amount_minor
from possible
inner join payouts
    on
        possible.account_id = payouts.account_id
        and possible.payout_id = payouts.payout_id
left join made as made_of_payout
    on
        possible.account_id = made_of_payout.account_id
        and possible.payout_id = made_of_payout.payout_id
left join made as made_of_line
    on possible.bank_statement_line_id = made_of_line.bank_statement_line_id
where made_of_payout.payout_id is null and made_of_line.bank_statement_line_id is null
