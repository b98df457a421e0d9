-- What the listing by `created` gave of each account and day, in one figure: changed in any column
-- of any row, doubled, lost or moved elsewhere, it is another.
with

-- Not called `source`: Stripe has a column of that name.
rows_loaded as (

    select * from {{ source('stripe', 'balance_transactions') }}

)

select
    account_id,
    cast({{ epoch_to_timestamp('created') }} as date) as created_date,
    count(*) as row_count,
    count(*) - count(id) as nameless_row_count,
    {{ rows_fingerprint('rows_loaded') }} as fingerprint
from rows_loaded
group by account_id, cast({{ epoch_to_timestamp('created') }} as date)
