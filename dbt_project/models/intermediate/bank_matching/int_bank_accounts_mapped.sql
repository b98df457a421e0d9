-- Every bank account that a statement speaks of, with the pool of payouts that it may receive: its
-- own where the user mapped it, else the platform's.
with

statements as (

    select * from {{ ref('int_bank_statements_found') }}

),

mappings as (

    select * from {{ ref('stg_bank__account_mappings') }}

),

bank_accounts as (

    select distinct
        bank_account_id,
        currency
    from statements
    where is_file_whole

),

said as (

    select
        bank_accounts.bank_account_id,
        bank_accounts.currency,
        coalesce(
            bool_or(mappings.account_id is not null or mappings.destination_id is not null), false
        ) as is_mapped,
        max(mappings.marker) as marker
    from bank_accounts
    left join mappings
        on
            bank_accounts.bank_account_id = mappings.bank_account_id
            and bank_accounts.currency = coalesce(mappings.currency, bank_accounts.currency)
    group by bank_accounts.bank_account_id, bank_accounts.currency

)

select
    bank_account_id,
    currency,
    is_mapped,
    case when is_mapped then bank_account_id else 'platform' end as bank_pool_id,
    marker,
    -- Of letters and digits alone, it needs no regular expression.
    coalesce(not {{ matches_pattern('marker', "'[^0-9A-Za-z]'") }}, false) as is_marker_plain
from said
