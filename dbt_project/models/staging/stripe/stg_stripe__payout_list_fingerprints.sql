-- What each payout's stored list is, in one figure: changed in any column of any row, doubled, lost
-- or moved elsewhere, it is another.
with

-- Not called `source`: Stripe has a column of that name.
rows_loaded as (

    select * from {{ source('stripe', 'payout_transactions') }}

)

select
    account_id,
    payout_id,
    count(*) as row_count,
    count(*) - count(id) as nameless_row_count,
    {{ rows_fingerprint('rows_loaded') }} as fingerprint
from rows_loaded
group by account_id, payout_id
