-- Every match, one row per payout and line, under an id made of all the ids in it. What the line
-- says stands beside it: whoever reads matches asks for that.
with

payouts as (

    select
        payout_key,
        payout_id
    from {{ ref('int_payouts_directed_to_bank') }}

),

lines as (

    select
        line_key,
        bank_statement_line_id,
        posted_date,
        amount_minor
    from {{ ref('int_bank_lines_described') }}

),

by_hand as (

    select * from {{ ref('int_bank_matches_by_hand') }}

),

by_identifier as (

    select * from {{ ref('int_bank_matches_by_identifier') }}

),

by_amount as (

    select * from {{ ref('int_bank_matches_by_amount') }}

),

by_sum as (

    select * from {{ ref('int_bank_matches_by_sum') }}

),

returned as (

    select * from {{ ref('int_bank_matches_returned') }}

),

returns as (

    select * from returned
    where return_line_key is not null

),

-- Most matches are one payout and one line. The dear way is for the others.
pairs_alone as (

    select
        payout_key,
        line_key,
        match_rule
    from by_identifier
    where is_same_amount

    union all

    select
        payout_key,
        line_key,
        match_rule
    from by_amount
    where group_id is null

),

pairs_in_groups as (

    select
        payout_key,
        line_key,
        case
            when payouts_of_line > 1 then 'line ' || cast(line_key as string)
            else 'payout ' || cast(payout_key as string)
        end as group_id,
        'manual' as match_rule,
        'user' as decided_by,
        case
            when lines_of_payout > 1 or payouts_of_line > 1 then 'matched_batch' else 'matched'
        end as match_status
    from by_hand

    union all

    select
        payout_key,
        line_key,
        match_rule || ' ' || group_id as group_id,
        match_rule,
        'rule' as decided_by,
        match_status
    from by_amount
    where group_id is not null

    union all

    select
        payout_key,
        line_key,
        match_rule || ' ' || group_id as group_id,
        match_rule,
        'rule' as decided_by,
        'matched_batch' as match_status
    from by_sum
    where is_match

    union all

    select
        payout_key,
        line_key,
        'payout ' || cast(payout_key as string) as group_id,
        'date_window' as match_rule,
        'rule' as decided_by,
        'matched' as match_status
    from returned
    where is_left_over

    union all

    select
        pairs_alone.payout_key,
        pairs_alone.line_key,
        'payout ' || cast(pairs_alone.payout_key as string) as group_id,
        pairs_alone.match_rule,
        'rule' as decided_by,
        'matched' as match_status
    from pairs_alone
    inner join returns
        on
            pairs_alone.payout_key = returns.payout_key
            and pairs_alone.line_key = returns.line_key

),

-- What came and went again belongs to its payout alone.
with_returns as (

    select
        pairs.payout_key,
        pairs.line_key,
        case
            when returns.return_line_key is not null
                then 'payout ' || cast(pairs.payout_key as string)
            else pairs.group_id
        end as group_id,
        pairs.match_rule,
        pairs.decided_by,
        case when returns.return_line_key is not null then 'returned' else pairs.match_status end
            as match_status,
        false as is_return
    from pairs_in_groups as pairs
    left join returns
        on
            pairs.payout_key = returns.payout_key
            and pairs.line_key = returns.line_key

    union all

    select
        payout_key,
        return_line_key as line_key,
        'payout ' || cast(payout_key as string) as group_id,
        'return' as match_rule,
        'rule' as decided_by,
        'returned' as match_status,
        true as is_return
    from returns

),

with_names as (

    select
        with_returns.*,
        payouts.payout_id,
        lines.bank_statement_line_id,
        lines.posted_date,
        lines.amount_minor
    from with_returns
    inner join payouts on with_returns.payout_key = payouts.payout_key
    inner join lines on with_returns.line_key = lines.line_key

),

groups as (

    select
        group_id,
        {{ hashed_id([
            joined_in_order('payout_id'), joined_in_order('bank_statement_line_id'),
        ]) }} as match_id,
        case when min(payout_key) = max(payout_key) then 'one' else 'many' end
        || '_to_'
        || case when min(line_key) = max(line_key) then 'one' else 'many' end as match_cardinality
    from with_names
    group by group_id

)

select
    groups.match_id,
    with_names.payout_key,
    with_names.line_key,
    with_names.bank_statement_line_id,
    with_names.posted_date,
    with_names.amount_minor,
    with_names.match_rule,
    with_names.match_status,
    with_names.decided_by,
    with_names.is_return,
    groups.match_cardinality
from with_names
inner join groups on with_names.group_id = groups.group_id

union all

select
    {{ hashed_id(['payouts.payout_id', 'lines.bank_statement_line_id']) }} as match_id,
    pairs_alone.payout_key,
    pairs_alone.line_key,
    lines.bank_statement_line_id,
    lines.posted_date,
    lines.amount_minor,
    pairs_alone.match_rule,
    'matched' as match_status,
    'rule' as decided_by,
    false as is_return,
    'one_to_one' as match_cardinality
from pairs_alone
inner join payouts on pairs_alone.payout_key = payouts.payout_key
inner join lines on pairs_alone.line_key = lines.line_key
left join returns
    on
        pairs_alone.payout_key = returns.payout_key
        and pairs_alone.line_key = returns.line_key
where returns.payout_key is null
