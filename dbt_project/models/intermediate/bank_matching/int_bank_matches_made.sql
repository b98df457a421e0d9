-- Every match, one row per payout and line, under an id made of all the ids in it.
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

pairs as (

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        case
            when payouts_of_line > 1 then 'line ' || bank_statement_line_id
            else 'payout ' || account_id || ' ' || payout_id
        end as group_id,
        'manual' as match_rule,
        'user' as decided_by,
        case
            when lines_of_payout > 1 or payouts_of_line > 1 then 'matched_batch' else 'matched'
        end as match_status
    from by_hand

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        'payout ' || account_id || ' ' || payout_id as group_id,
        match_rule,
        'rule' as decided_by,
        'matched' as match_status
    from by_identifier
    where is_same_amount

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        coalesce(match_rule || ' ' || group_id, 'payout ' || account_id || ' ' || payout_id)
            as group_id,
        match_rule,
        'rule' as decided_by,
        match_status
    from by_amount

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        match_rule || ' ' || group_id as group_id,
        match_rule,
        'rule' as decided_by,
        'matched_batch' as match_status
    from by_sum
    where is_match

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        'payout ' || account_id || ' ' || payout_id as group_id,
        'date_window' as match_rule,
        'rule' as decided_by,
        'matched' as match_status
    from returned
    where is_left_over

),

-- What came and went again belongs to its payout alone.
with_returns as (

    select
        pairs.account_id,
        pairs.payout_id,
        pairs.bank_statement_line_id,
        case
            when returned.return_bank_statement_line_id is not null
                then 'payout ' || pairs.account_id || ' ' || pairs.payout_id
            else pairs.group_id
        end as group_id,
        pairs.match_rule,
        pairs.decided_by,
        case
            when returned.return_bank_statement_line_id is not null then 'returned'
            else pairs.match_status
        end as match_status,
        false as is_return
    from pairs
    left join returned
        on
            pairs.account_id = returned.account_id
            and pairs.payout_id = returned.payout_id
            and pairs.bank_statement_line_id = returned.bank_statement_line_id

    union all

    select
        account_id,
        payout_id,
        return_bank_statement_line_id as bank_statement_line_id,
        'payout ' || account_id || ' ' || payout_id as group_id,
        'return' as match_rule,
        'rule' as decided_by,
        'returned' as match_status,
        true as is_return
    from returned
    where return_bank_statement_line_id is not null

),

group_sizes as (

    select
        group_id,
        count(*) as pair_count
    from with_returns
    group by group_id

),

-- Most matches are one payout and one line; the dear way is for the others.
groups as (

    select
        with_returns.group_id,
        1 as payout_count,
        1 as line_count,
        {{ hashed_id(['with_returns.payout_id', 'with_returns.bank_statement_line_id']) }}
            as match_id
    from with_returns
    inner join group_sizes on with_returns.group_id = group_sizes.group_id
    where group_sizes.pair_count = 1

    union all

    select
        with_returns.group_id,
        count(distinct with_returns.account_id || ' ' || with_returns.payout_id) as payout_count,
        count(distinct with_returns.bank_statement_line_id) as line_count,
        {{ hashed_id([
            joined_in_order('with_returns.payout_id'),
            joined_in_order('with_returns.bank_statement_line_id'),
        ]) }} as match_id
    from with_returns
    inner join group_sizes on with_returns.group_id = group_sizes.group_id
    where group_sizes.pair_count > 1
    group by with_returns.group_id

)

select
    groups.match_id,
    with_returns.account_id,
    with_returns.payout_id,
    with_returns.bank_statement_line_id,
    with_returns.match_rule,
    with_returns.match_status,
    with_returns.decided_by,
    with_returns.is_return,
    case when groups.payout_count = 1 then 'one' else 'many' end
    || '_to_'
    || case when groups.line_count = 1 then 'one' else 'many' end as match_cardinality,
    payouts.currency,
    payouts.payout_amount_minor,
    lines.amount_minor as line_amount_minor,
    lines.posted_date,
    lines.bank_account_id,
    cast({{ days_between('payouts.expected_arrival_date', 'lines.posted_date') }} as integer)
        as days_apart
from with_returns
inner join groups on with_returns.group_id = groups.group_id
inner join payouts
    on
        with_returns.account_id = payouts.account_id
        and with_returns.payout_id = payouts.payout_id
inner join lines on with_returns.bank_statement_line_id = lines.bank_statement_line_id
