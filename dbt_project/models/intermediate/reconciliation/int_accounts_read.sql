-- The window of each account's `created` that was wholly read, and how its last reading went.
with

accounts as (

    select * from {{ ref('stg_stripe__accounts') }}

),

account_syncs as (

    select * from {{ ref('stg_stripe__account_syncs') }}

),

windows_read as (

    select
        account_id,
        count(case when created_from_at is null then 1 end) > 0 as is_all_history,
        min(created_from_at) as created_from_at,
        max(created_through_at) as created_through_at
    from account_syncs
    where access_status = 'readable'
    group by account_id

),

syncs_ordered as (

    select
        account_id,
        access_status,
        access_error,
        row_number() over (partition by account_id order by load_id desc) as recency
    from account_syncs

)

select
    accounts.account_id,
    coalesce(syncs_ordered.access_status, 'failed') as access_status,
    case
        when syncs_ordered.account_id is null then 'it was found but not read yet'
        else syncs_ordered.access_error
    end as access_error,
    case when not windows_read.is_all_history then windows_read.created_from_at end
        as created_from_at,
    windows_read.created_through_at
from accounts
left join syncs_ordered
    on accounts.account_id = syncs_ordered.account_id and syncs_ordered.recency = 1
left join windows_read on accounts.account_id = windows_read.account_id
