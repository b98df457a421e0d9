-- The history of each account that was wholly read, the part of it that was listed by `created`,
-- and how its last reading went.
with

accounts as (

    select * from {{ ref('stg_stripe__accounts') }}

),

account_syncs as (

    select * from {{ ref('stg_stripe__account_syncs') }}

),

-- Each whole reading goes on where the one before it ended, so the last one tells the window.
windows_read as (

    select
        account_id,
        history_from_at,
        created_from_at,
        created_through_at,
        transactions_listed_at,
        balance_read_at,
        finished_at,
        moving_amounts_minor,
        opening_amounts_minor,
        opening_read_at,
        row_number() over (partition by account_id order by run_number desc) as recency
    from account_syncs
    where access_status = 'readable'

),

syncs_ordered as (

    select
        account_id,
        access_status,
        access_error,
        row_number() over (partition by account_id order by run_number desc) as recency
    from account_syncs

)

select
    accounts.account_id,
    coalesce(syncs_ordered.access_status, 'failed') as access_status,
    case
        when syncs_ordered.account_id is null then 'it was found but not read yet'
        else syncs_ordered.access_error
    end as access_error,
    windows_read.history_from_at,
    windows_read.created_from_at,
    windows_read.created_through_at,
    windows_read.transactions_listed_at,
    windows_read.balance_read_at,
    windows_read.finished_at,
    windows_read.moving_amounts_minor,
    -- All of a history opens with nothing.
    case when windows_read.history_from_at is not null then windows_read.opening_amounts_minor end
        as opening_amounts_minor,
    -- The reading that tells what an account held before the start of its history.
    windows_read.history_from_at is not null
    and coalesce(windows_read.opening_read_at = windows_read.balance_read_at, true)
        as is_baseline
from accounts
left join syncs_ordered
    on accounts.account_id = syncs_ordered.account_id and syncs_ordered.recency = 1
left join windows_read
    on accounts.account_id = windows_read.account_id and windows_read.recency = 1
