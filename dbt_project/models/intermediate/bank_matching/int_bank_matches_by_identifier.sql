-- Payouts and lines that name each other and nothing else: the trace id, or a statement descriptor
-- of the payout alone, stands in the line's text. A trace id that stands in lines of other amounts
-- makes no match; it is told, and keeps both sides out of matches by amount.
with

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

stored_lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

),

by_hand as (

    select * from {{ ref('int_bank_matches_by_hand') }}

),

line_texts as (

    select
        stored_lines.source_id,
        stored_lines.line_number,
        {{ bank_line_text('stored_lines') }} as line_text
    from stored_lines

),

named_payouts as (

    select
        payouts.payout_key,
        payouts.bank_pool_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.expected_arrival_date,
        payouts.trace_name,
        payouts.descriptor_name,
        payouts.cut_descriptor_name
    from payouts
    left join by_hand on payouts.payout_key = by_hand.payout_key
    where
        by_hand.payout_key is null
        and payouts.bank_pool_id is not null
        and not payouts.is_never_at_bank
        and coalesce(payouts.trace_name, payouts.descriptor_name) is not null

),

open_lines as (

    select
        lines.line_key,
        lines.source_id,
        lines.line_number,
        lines.bank_pool_id,
        lines.currency,
        lines.amount_minor,
        lines.posted_date
    from lines
    left join by_hand on lines.line_key = by_hand.line_key
    where
        by_hand.line_key is null
        and lines.is_booked
        and not lines.is_ignored

),

-- Only the text of lines that may name a payout is looked at.
pairs_near as (

    select
        payouts.payout_key,
        open_lines.line_key,
        payouts.trace_name,
        payouts.descriptor_name,
        payouts.cut_descriptor_name,
        line_texts.line_text
    from named_payouts as payouts
    inner join open_lines
        on
            payouts.bank_pool_id = open_lines.bank_pool_id
            and payouts.currency = open_lines.currency
            and payouts.payout_amount_minor = open_lines.amount_minor
    inner join line_texts
        on
            open_lines.source_id = line_texts.source_id
            and open_lines.line_number = line_texts.line_number
    where
        open_lines.posted_date between
        {{ days_after('payouts.expected_arrival_date', '-' ~ var('bank_days_before')) }}
        and {{ days_after('payouts.expected_arrival_date', 30) }}

),

-- Most trace ids stand in one piece; to take out what stands between letters is dear.
pairs_read as (

    select
        payout_key,
        line_key,
        descriptor_name,
        cut_descriptor_name,
        line_text,
        case
            when trace_name is null then false
            when position(trace_name in upper(line_text)) > 0 then true
            else position(trace_name in {{ letters_and_digits('line_text') }}) > 0
        end as is_by_trace_id
    from pairs_near

),

hits as (

    select
        payout_key,
        line_key,
        is_by_trace_id
    from pairs_read
    where
        case
            when is_by_trace_id then true
            when coalesce(descriptor_name, cut_descriptor_name) is null then false
            else
                position(descriptor_name in {{ words_between_blanks('line_text') }}) > 0
                or position(cut_descriptor_name in {{ words_between_blanks('line_text') }}) > 0
        end

),

-- What a trace id says counts more than what a descriptor says, of the payout and of the line.
hits_ranked as (

    select
        *,
        bool_or(is_by_trace_id) over (partition by payout_key)
        or bool_or(is_by_trace_id) over (partition by line_key) as has_trace_id
    from hits

),

best_hits as (

    select * from hits_ranked
    where is_by_trace_id or not has_trace_id

),

hits_counted as (

    select
        *,
        count(*) over (partition by payout_key) as lines_of_payout,
        count(*) over (partition by line_key) as payouts_of_line
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
    left join hits on named_payouts.payout_key = hits.payout_key
    where hits.payout_key is null and named_payouts.trace_name is not null

),

lines_to_search as (

    select open_lines.*
    from open_lines
    left join matched on open_lines.line_key = matched.line_key
    where
        matched.line_key is null
        and exists (
            select 1 from traced_payouts
            where
                traced_payouts.bank_pool_id = open_lines.bank_pool_id
                and traced_payouts.currency = open_lines.currency
        )

),

words as (

    select
        lines_to_search.line_key,
        lines_to_search.bank_pool_id,
        lines_to_search.currency,
        lines_to_search.amount_minor,
        lines_to_search.posted_date,
        {{ each_long_word('line_texts.line_text', 8) }} as word
    from lines_to_search
    inner join line_texts
        on
            lines_to_search.source_id = line_texts.source_id
            and lines_to_search.line_number = line_texts.line_number

),

mismatches as (

    select distinct
        payouts.payout_key,
        words.line_key
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

)

select
    payout_key,
    line_key,
    case when is_by_trace_id then 'trace_id' else 'statement_descriptor' end as match_rule,
    true as is_same_amount
from matched

union all

select
    payout_key,
    line_key,
    'trace_id' as match_rule,
    false as is_same_amount
from mismatches
