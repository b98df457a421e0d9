-- Payouts and lines that name each other and nothing else: the trace id, or a statement descriptor
-- of the payout alone, stands in the line's text. A trace id that stands in a line of another
-- amount makes no match; it is told, and keeps both out of matches by amount.
with

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

by_hand as (

    select * from {{ ref('int_bank_matches_by_hand') }}

),

named_payouts as (

    select payouts.*
    from payouts
    left join by_hand
        on
            payouts.account_id = by_hand.account_id
            and payouts.payout_id = by_hand.payout_id
    where
        by_hand.payout_id is null
        and payouts.bank_pool_id is not null
        and not payouts.is_never_at_bank
        and coalesce(payouts.trace_name, payouts.descriptor_name) is not null

),

open_lines as (

    select
        lines.*,
        {{ letters_and_digits('lines.line_text') }} as line_letters
    from lines
    left join by_hand on lines.bank_statement_line_id = by_hand.bank_statement_line_id
    where
        by_hand.bank_statement_line_id is null
        and lines.is_booked
        and not lines.is_ignored

),

hits as (

    select
        payouts.account_id,
        payouts.payout_id,
        open_lines.bank_statement_line_id,
        coalesce(
            open_lines.line_letters like '%' || payouts.trace_name || '%', false
        ) as is_by_trace_id
    from named_payouts as payouts
    inner join open_lines
        on
            payouts.bank_pool_id = open_lines.bank_pool_id
            and payouts.currency = open_lines.currency
            and payouts.payout_amount_minor = open_lines.amount_minor
    where
        open_lines.posted_date between
        {{ days_after('payouts.expected_arrival_date', '-' ~ var('bank_days_before')) }}
        and {{ days_after('payouts.expected_arrival_date', 30) }}
        and (
            open_lines.line_letters like '%' || payouts.trace_name || '%'
            or open_lines.line_letters like '%' || payouts.descriptor_name || '%'
            or open_lines.line_letters like '%' || payouts.cut_descriptor_name || '%'
        )

),

-- What a trace id says counts more than what a descriptor says.
hits_ranked as (

    select
        *,
        bool_or(is_by_trace_id) over (partition by account_id, payout_id) as has_trace_id
    from hits

),

best_hits as (

    select * from hits_ranked
    where is_by_trace_id or not has_trace_id

),

hits_counted as (

    select
        *,
        count(*) over (partition by account_id, payout_id) as lines_of_payout,
        count(*) over (partition by bank_statement_line_id) as payouts_of_line
    from best_hits

),

matched as (

    select *
    from hits_counted
    where lines_of_payout = 1 and payouts_of_line = 1

),

traced_payouts as (

    select named_payouts.*
    from named_payouts
    left join hits
        on
            named_payouts.account_id = hits.account_id
            and named_payouts.payout_id = hits.payout_id
    where hits.payout_id is null and named_payouts.trace_name is not null

),

lines_to_search as (

    select open_lines.*
    from open_lines
    left join matched on open_lines.bank_statement_line_id = matched.bank_statement_line_id
    where
        matched.bank_statement_line_id is null
        and exists (
            select 1 from traced_payouts
            where
                traced_payouts.bank_pool_id = open_lines.bank_pool_id
                and traced_payouts.currency = open_lines.currency
        )

),

words as (

    select
        bank_statement_line_id,
        bank_pool_id,
        currency,
        amount_minor,
        posted_date,
        {{ each_word('line_text') }} as word
    from lines_to_search

),

mismatches as (

    select distinct
        payouts.account_id,
        payouts.payout_id,
        words.bank_statement_line_id
    from traced_payouts as payouts
    inner join words
        on
            payouts.bank_pool_id = words.bank_pool_id
            and payouts.currency = words.currency
            and payouts.trace_name = {{ without_leading_zeros('words.word') }}
    where
        sign(payouts.payout_amount_minor) = sign(words.amount_minor)
        and words.posted_date between
        {{ days_after('payouts.expected_arrival_date', '-' ~ var('bank_days_before')) }}
        and {{ days_after('payouts.expected_arrival_date', 30) }}

),

mismatches_counted as (

    select
        *,
        count(*) over (partition by account_id, payout_id) as lines_of_payout,
        count(*) over (partition by bank_statement_line_id) as payouts_of_line
    from mismatches

)

select
    account_id,
    payout_id,
    bank_statement_line_id,
    case when is_by_trace_id then 'trace_id' else 'statement_descriptor' end as match_rule,
    true as is_same_amount
from matched

union all

select
    account_id,
    payout_id,
    bank_statement_line_id,
    'trace_id' as match_rule,
    false as is_same_amount
from mismatches_counted
where lines_of_payout = 1 and payouts_of_line = 1
