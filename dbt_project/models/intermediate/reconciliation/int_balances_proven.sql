-- Each account's ledger against the balance that Stripe states: completeness, in total.
with

sums as (

    select * from {{ ref('int_ledgers_summed') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

)

select
    sums.account_id,
    sums.currency,
    sums.balance_read_at as read_at,
    sums.opening_amount_minor,
    sums.ledger_amount_minor,
    sums.stripe_amount_minor,
    case when accounts_read.history_from_at is null then 'full_history' else 'since_baseline' end
        as proof_basis,
    accounts_read.is_baseline,
    case
        when not accounts_read.is_baseline
            then
                sums.stripe_amount_minor - sums.opening_amount_minor - sums.ledger_amount_minor
    end as difference_minor,
    case
        when accounts_read.access_status != 'readable' then 'not_readable'
        when accounts_read.is_baseline then 'unproven'
        when
            sums.opening_amount_minor + sums.ledger_amount_minor = sums.stripe_amount_minor
            then 'proven'
        -- Money moved while it was looked into, and by this much.
        when
            {{ json_integer_at('accounts_read.moving_amounts_minor', 'sums.currency') }}
            = sums.opening_amount_minor + sums.ledger_amount_minor - sums.stripe_amount_minor
            then 'moving'
        else 'unproven'
    end as proof_status
from sums
inner join accounts_read on sums.account_id = accounts_read.account_id
