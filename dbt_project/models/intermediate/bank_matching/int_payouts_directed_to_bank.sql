-- Each payout with the pool of bank accounts that it goes to, if any has statements, and with what
-- could name it on one.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

-- Asked for apart, here and below: what is asked for twice is kept in between with all columns.
directions as (

    select distinct
        account_id,
        destination_id,
        currency
    from {{ ref('stg_stripe__payouts') }}

),

described_payouts as (

    select
        account_id,
        destination_id,
        currency,
        statement_descriptor
    from {{ ref('stg_stripe__payouts') }}
    where statement_descriptor is not null

),

failures as (

    select
        account_id,
        payout_id,
        cast(failed_at as date) as failed_date
    from {{ ref('int_payouts_settled') }}
    where failed_at is not null

),

accounts as (

    select * from {{ ref('stg_stripe__accounts') }}

),

mappings as (

    select * from {{ ref('stg_bank__account_mappings') }}
    where account_id is not null or destination_id is not null

),

bank_accounts as (

    select * from {{ ref('int_bank_accounts_mapped') }}

),

days as (

    select * from {{ ref('int_business_days_numbered') }}

),

-- What is said of a destination counts more than what is said of an account, and what is said of
-- one currency more than what is said of all. Few mappings, but as many as there are accounts: each
-- kind is joined by what it names.
mapped_by_destination as (

    select
        directions.*,
        mappings.bank_account_id as bank_pool_id,
        case when mappings.currency is null then 2 else 1 end as choice
    from directions
    inner join mappings on directions.destination_id = mappings.destination_id
    where
        directions.account_id = coalesce(mappings.account_id, directions.account_id)
        and directions.currency = coalesce(mappings.currency, directions.currency)

),

mapped_by_account as (

    select
        directions.*,
        mappings.bank_account_id as bank_pool_id,
        case when mappings.currency is null then 4 else 3 end as choice
    from directions
    inner join mappings on directions.account_id = mappings.account_id
    where
        mappings.destination_id is null
        and directions.currency = coalesce(mappings.currency, directions.currency)

),

mapped_both_ways as (

    select * from mapped_by_destination
    union all
    select * from mapped_by_account

),

mapped_in_order as (

    select
        *,
        row_number() over (
            partition by account_id, destination_id, currency
            order by choice, bank_pool_id
        ) as place
    from mapped_both_ways

),

mapped as (

    select
        account_id,
        coalesce(destination_id, '-') as destination_id,
        currency,
        bank_pool_id
    from mapped_in_order
    where place = 1

),

pools as (

    select distinct
        bank_pool_id,
        currency
    from bank_accounts

),

-- Few directions for many payouts: the pool is looked up for each direction.
directed as (

    select
        directions.account_id,
        coalesce(directions.destination_id, '-') as destination_id,
        directions.currency,
        pools.bank_pool_id
    from directions
    left join accounts on directions.account_id = accounts.account_id
    left join mapped
        on
            directions.account_id = mapped.account_id
            and coalesce(directions.destination_id, '-') = mapped.destination_id
            and directions.currency = mapped.currency
    left join pools
        on
            coalesce(
                mapped.bank_pool_id,
                case when accounts.is_platform_account then 'platform' end
            ) = pools.bank_pool_id
            and directions.currency = pools.currency

),

-- What is Stripe's own name, without a number, is every payout's.
with_descriptor as (

    select
        directed.bank_pool_id,
        described_payouts.currency,
        {{ letters_and_digits('described_payouts.statement_descriptor') }} as letters,
        {{ letters_and_digits('left(described_payouts.statement_descriptor, 10)') }} as cut_letters,
        {{ words_between_blanks('described_payouts.statement_descriptor') }} as words,
        {{ words_between_blanks('left(described_payouts.statement_descriptor, 10)') }} as cut_words
    from described_payouts
    inner join directed
        on
            described_payouts.account_id = directed.account_id
            and coalesce(described_payouts.destination_id, '-') = directed.destination_id
            and described_payouts.currency = directed.currency
    where
        directed.bank_pool_id is not null
        and (
            {{ matches_pattern('described_payouts.statement_descriptor', "'[0-9]'") }}
            or not {{ matches_pattern(
                'described_payouts.statement_descriptor', pattern_literal(var('bank_marker'))
            ) }}
        )

),

-- A descriptor that several payouts of a pool carry names none of them.
descriptors as (

    select
        bank_pool_id,
        currency,
        words
    from with_descriptor
    where length(letters) >= 6
    group by bank_pool_id, currency, words
    having count(*) = 1

),

-- ACH leaves ten characters of it.
cut_descriptors as (

    select
        bank_pool_id,
        currency,
        cut_words
    from with_descriptor
    where length(cut_letters) >= 6
    group by bank_pool_id, currency, cut_words
    having count(*) = 1

),

with_names as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.payout_status,
        payouts.expected_arrival_date,
        directed.destination_id,
        failures.failed_date,
        coalesce(payouts.statement_descriptor, '') as statement_descriptor,
        {{ without_leading_zeros(letters_and_digits('payouts.trace_id')) }} as trace_letters,
        {{ words_between_blanks('payouts.statement_descriptor') }} as words,
        {{ words_between_blanks('left(payouts.statement_descriptor, 10)') }} as cut_words,
        payouts.payout_status = 'canceled'
        or payouts.payout_amount_minor = 0
        or coalesce(payouts.destination_type = 'card', false) as is_never_at_bank,
        directed.bank_pool_id
    from payouts
    inner join directed
        on
            payouts.account_id = directed.account_id
            and coalesce(payouts.destination_id, '-') = directed.destination_id
            and payouts.currency = directed.currency
    left join failures
        on
            payouts.account_id = failures.account_id
            and payouts.payout_id = failures.payout_id

)

select
    {{ narrow_key(hashed_id(['with_names.account_id', 'with_names.payout_id'])) }}
        as payout_key,
    with_names.account_id,
    with_names.payout_id,
    with_names.currency,
    with_names.payout_amount_minor,
    with_names.payout_status,
    with_names.expected_arrival_date,
    with_names.destination_id,
    with_names.failed_date,
    with_names.statement_descriptor,
    case when length(with_names.trace_letters) >= 8 then with_names.trace_letters end
        as trace_name,
    descriptors.words as descriptor_name,
    cut_descriptors.cut_words as cut_descriptor_name,
    with_names.is_never_at_bank,
    with_names.bank_pool_id,
    arrival_days.business_day_number
    - case when arrival_days.is_business_day then 1 else 0 end as business_days_before,
    grace_days.business_day_number as business_days_through_grace,
    grace_days.calendar_date as grace_ends_date
from with_names
left join descriptors
    on
        with_names.bank_pool_id = descriptors.bank_pool_id
        and with_names.currency = descriptors.currency
        and with_names.words = descriptors.words
left join cut_descriptors
    on
        with_names.bank_pool_id = cut_descriptors.bank_pool_id
        and with_names.currency = cut_descriptors.currency
        and with_names.cut_words = cut_descriptors.cut_words
left join days as arrival_days
    on
        with_names.currency = arrival_days.currency
        and with_names.expected_arrival_date = arrival_days.calendar_date
left join days as grace_days
    on
        with_names.currency = grace_days.currency
        and grace_days.is_business_day
        and grace_days.business_day_number
        = arrival_days.business_day_number + {{ var('bank_grace_business_days') }}
