-- What nobody decided: payouts without a match and the lines without one that each of them could
-- be, and why that is no match.
with

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
        payout_key,
        line_key,
        'amount_mismatch' as candidate_reason
    from by_identifier
    where not is_same_amount

    union all

    select
        payout_key,
        line_key,
        case
            when is_eligible then 'several_candidates'
            else 'no_stripe_marker'
        end as candidate_reason
    from alike
    where is_expected

    union all

    select
        payout_key,
        line_key,
        'several_sums' as candidate_reason
    from by_sum
    where not is_match

)

select distinct
    possible.payout_key,
    possible.line_key,
    possible.candidate_reason
from possible
left join made as made_of_payout on possible.payout_key = made_of_payout.payout_key
left join made as made_of_line on possible.line_key = made_of_line.line_key
where made_of_payout.payout_key is null and made_of_line.line_key is null
