-- The ledger: the union of what the listing by `created` and the payouts' lists gave, each
-- transaction once. The listing's copy stands; a list's copy stands in where there is none. Where
-- that leaves nothing of the list's row untold, which is nearly always, the row is listed plainly:
-- whoever reads lists can read the ledger instead.
{{ config(materialized='view') }}
-- depends_on: {{ ref('stg_stripe__ledger_rows') }}, {{ ref('stg_stripe__payout_list_rows') }}
{% set is_partial = builds_changes_only() %}
{% set changed = ref('int_balance_transactions_changed') %}
{% set all_by_created = ref('stg_stripe__balance_transactions') %}
{% set all_by_payouts = ref('stg_stripe__payout_transactions') %}

with

listed_by_created as (

    {% if is_partial %}
        select
            account_id,
            id as balance_transaction_id,
            {{ transaction_columns() }}
        from {{ ref('stg_stripe__ledger_rows') }} as listed
        where {{ is_among(changed, 'listed', 'id') }}
    {% else %}
        select * from {{ all_by_created }}
    {% endif %}

),

listed_by_payouts as (

    {% if is_partial %}
        select
            account_id,
            payout_id,
            id as balance_transaction_id,
            {{ transaction_columns() }}
        from {{ ref('stg_stripe__payout_list_rows') }} as listed
        where {{ is_among(changed, 'listed', 'id') }}
    {% else %}
        select * from {{ all_by_payouts }}
    {% endif %}

),

-- What is looked at twice is asked for twice: all rows, kept whole in between, would fill the
-- memory. Those that changed are few.
keys_by_created as (

    select
        account_id,
        balance_transaction_id
    from {{ 'listed_by_created' if is_partial else all_by_created }}

),

keys_by_payouts as (

    select
        account_id,
        balance_transaction_id
    from {{ 'listed_by_payouts' if is_partial else all_by_payouts }}

),

settlements as (

    select * from {{ ref('int_payouts_grouped_by_settlement') }}

),

own_rows as (

    {{ own_rows_of_settlements('settlements') }}

),

classified as (

    {{ list_rows_classified('listed_by_payouts', 'settlements', 'own_rows') }}

),

given_several_times as (

    select
        account_id,
        balance_transaction_id
    from keys_by_created
    group by account_id, balance_transaction_id
    having count(*) > 1

),

-- Few transactions are in several lists, or twice in one. They alone are put in order, by all they
-- say: each build takes the same. All others are taken as they are, which costs less than half.
listed_several_times as (

    select
        account_id,
        balance_transaction_id
    from keys_by_payouts
    group by account_id, balance_transaction_id
    having count(*) > 1

),

copies as (

    select listed.*
    from {{ 'listed_by_payouts' if is_partial else all_by_payouts }} as listed
    inner join listed_several_times as several
        on
            listed.account_id = several.account_id
            and listed.balance_transaction_id = several.balance_transaction_id

),

copies_classified as (

    {{ list_rows_classified('copies', 'settlements', 'own_rows') }}

),

listed_once as (

    select
        listed.*,
        case when not listed.is_left_out then listed.payout_id end as first_payout_id,
        case when not listed.is_left_out then listed.payout_id end as last_payout_id
    from classified as listed
    where
        not exists (
            select 1
            from listed_several_times as several
            where
                several.account_id = listed.account_id
                and several.balance_transaction_id = listed.balance_transaction_id
        )

),

copies_ordered as (

    select
        listed.*,
        min(case when not listed.is_left_out then listed.payout_id end) over (
            partition by listed.account_id, listed.balance_transaction_id
        ) as first_payout_id,
        max(case when not listed.is_left_out then listed.payout_id end) over (
            partition by listed.account_id, listed.balance_transaction_id
        ) as last_payout_id,
        row_number() over (
            partition by listed.account_id, listed.balance_transaction_id
            order by listed.payout_id, {{ transaction_column_names('listed') }}
        ) as copy_number
    from copies_classified as listed

),

listed_by_payout as (

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names() }},
        first_payout_id,
        last_payout_id,
        payout_id as only_payout_id,
        is_left_out
    from listed_once

    union all

    select
        account_id,
        balance_transaction_id,
        {{ transaction_column_names() }},
        first_payout_id,
        last_payout_id,
        cast(null as string) as only_payout_id,
        cast(null as boolean) as is_left_out
    from copies_ordered
    where copy_number = 1

),

united as (

    select
        coalesce(listed_by_created.account_id, listed_by_payout.account_id) as account_id,
        coalesce(
            listed_by_created.balance_transaction_id, listed_by_payout.balance_transaction_id
        ) as balance_transaction_id,
        {{ transaction_columns_of_first('listed_by_created', 'listed_by_payout') }},
        listed_by_created.account_id is not null as is_listed_by_created,
        listed_by_payout.first_payout_id,
        listed_by_payout.last_payout_id,
        listed_by_payout.only_payout_id,
        listed_by_payout.is_left_out,
        listed_by_payout.account_id is not null as is_in_lists,
        coalesce(
            listed_by_created.account_id is null
            or (
                listed_by_created.type = listed_by_payout.type
                and listed_by_created.reporting_category = listed_by_payout.reporting_category
                and listed_by_created.currency = listed_by_payout.currency
                and listed_by_created.gross_amount_minor = listed_by_payout.gross_amount_minor
                and listed_by_created.fee_amount_minor = listed_by_payout.fee_amount_minor
                and listed_by_created.net_amount_minor = listed_by_payout.net_amount_minor
                and listed_by_created.balance_type = listed_by_payout.balance_type
                and listed_by_created.created_at = listed_by_payout.created_at
                and coalesce(listed_by_created.source_object_id, '-')
                = coalesce(listed_by_payout.source_object_id, '-')
            ),
            false
        ) as is_alike
    from listed_by_created
    full outer join listed_by_payout
        on
            listed_by_created.account_id = listed_by_payout.account_id
            and listed_by_created.balance_transaction_id
            = listed_by_payout.balance_transaction_id

),

judged as (

    select
        united.*,
        united.only_payout_id is not null
        and united.is_alike
        and given_several_times.account_id is null as is_plain
    from united
    left join given_several_times
        on
            united.account_id = given_several_times.account_id
            and united.balance_transaction_id = given_several_times.balance_transaction_id

)

select
    account_id,
    balance_transaction_id,
    {{ transaction_column_names() }},
    is_listed_by_created,
    first_payout_id,
    last_payout_id,
    case when is_plain then only_payout_id end as listed_in_payout_id,
    case when is_plain then is_left_out end as is_left_out,
    is_in_lists and not is_plain as is_listed_otherwise
from judged
