-- One row per account: the window of `created` that was wholly read, and how the last run went.
with

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
    syncs_ordered.account_id,
    syncs_ordered.access_status,
    syncs_ordered.access_error,
    case when not windows_read.is_all_history then windows_read.created_from_at end
        as created_from_at,
    windows_read.created_through_at
from syncs_ordered
left join windows_read on syncs_ordered.account_id = windows_read.account_id
where syncs_ordered.recency = 1
