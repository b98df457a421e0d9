-- The transactions that this build makes anew, if it goes on from the last one: all that a changed
-- part of the raw rows holds or, as the last build stored it, held; and those of which another day
-- or other payouts say something else. Their other copies are read wherever they are.
-- depends_on: {{ ref('stg_stripe__payout_transactions') }}, {{ ref('stg_stripe__payouts') }}
-- depends_on: {{ ref('int_raw_rows_fingerprinted') }}
{% if not builds_changes_only() %}

    select
        account_id,
        balance_transaction_id
    from {{ ref('stg_stripe__balance_transactions') }}
    where false

{% else %}

    -- Its parts are filtered where it is read: an import that stands for several reads would be
    -- held in memory as a whole.
    {% set built = last_built('int_balance_transactions_attributed') %}

    with

    payout_transactions as (

        select * from {{ ref('stg_stripe__payout_transactions') }}

    ),

    balance_transactions as (

        select * from {{ ref('stg_stripe__balance_transactions') }}

    ),

    payouts as (

        select * from {{ ref('stg_stripe__payouts') }}

    ),

    fingerprinted as (

        select * from {{ ref('int_raw_rows_fingerprinted') }}

    ),

    parts_changed as (

        {{ parts_changed('fingerprinted', last_fingerprints()) }}

    ),

    lists_changed as (

        select distinct
            account_id,
            part_name as payout_id
        from parts_changed
        where part_kind = 'list'

    ),

    days_changed as (

        select distinct
            account_id,
            cast(part_name as date) as created_date
        from parts_changed
        where part_kind = 'day'

    ),

    own_rows as (

        select distinct
            account_id,
            balance_transaction_id
        from payouts
        where balance_transaction_id is not null

    ),

    own_rows_built as (

        select distinct
            account_id,
            balance_transaction_id
        from {{ built }}
        where is_payout_own_row

    ),

    payouts_by_currency as (

        {{ payouts_by_currency('payouts') }}

    ),

    in_changed_lists as (

        select
            payout_transactions.account_id,
            payout_transactions.balance_transaction_id
        from payout_transactions
        inner join lists_changed
            on
                payout_transactions.account_id = lists_changed.account_id
                and payout_transactions.payout_id = lists_changed.payout_id

    ),

    of_changed_days as (

        select
            balance_transactions.account_id,
            balance_transactions.balance_transaction_id
        from balance_transactions
        inner join days_changed
            on
                balance_transactions.account_id = days_changed.account_id
                and cast(balance_transactions.created_at as date) = days_changed.created_date

    ),

    built_in_changed_lists as (

        select
            built.account_id,
            built.balance_transaction_id
        from {{ built }} as built
        inner join lists_changed
            on
                built.account_id = lists_changed.account_id
                and built.listed_in_payout_id = lists_changed.payout_id

    ),

    built_of_changed_days as (

        select
            built.account_id,
            built.balance_transaction_id
        from {{ built }} as built
        inner join days_changed
            on
                built.account_id = days_changed.account_id
                and cast(built.created_at as date) = days_changed.created_date
        where built.is_listed_by_created

    ),

    -- In which lists these were is not stored; they are few.
    built_as_listed_otherwise as (

        select
            account_id,
            balance_transaction_id
        from {{ built }}
        where is_listed_otherwise

    ),

    -- Whether a payout may count another one's own row is for that one's state to say.
    own_rows_counted as (

        select
            account_id,
            balance_transaction_id
        from {{ built }}
        where is_payout_own_row and attribution_status in ('settled', 'in_two_payouts')

    ),

    with_another_owner as (

        select
            coalesce(own_rows.account_id, own_rows_built.account_id) as account_id,
            coalesce(own_rows.balance_transaction_id, own_rows_built.balance_transaction_id)
                as balance_transaction_id
        from own_rows
        full outer join own_rows_built
            on
                own_rows.account_id = own_rows_built.account_id
                and own_rows.balance_transaction_id = own_rows_built.balance_transaction_id
        where own_rows.account_id is null or own_rows_built.account_id is null

    ),

    with_another_availability as (

        select
            account_id,
            balance_transaction_id
        from {{ built }}
        where is_available != (available_on_date <= {{ as_of_date() }})

    ),

    unsettled_otherwise as (

        select
            built.account_id,
            built.balance_transaction_id
        from {{ built }} as built
        left join payouts_by_currency
            on
                built.account_id = payouts_by_currency.account_id
                and built.currency = payouts_by_currency.currency
        where
            built.attribution_status in ('not_attributable', 'unsettled')
            and (built.attribution_status = 'not_attributable') != (
                built.available_on_date <= {{ as_of_date() }}
                and {{ is_followed_by_manual_payouts_only('built', 'payouts_by_currency') }}
            )

    ),

    changed as (

        select * from in_changed_lists
        union
        select * from of_changed_days
        union
        select * from built_in_changed_lists
        union
        select * from built_of_changed_days
        union
        select * from built_as_listed_otherwise
        union
        select * from own_rows_counted
        union
        select * from with_another_owner
        union
        select * from with_another_availability
        union
        select * from unsettled_otherwise

    )

    select
        account_id,
        balance_transaction_id
    from changed

{% endif %}
