with

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    currency,
    cast(minor_unit_exponent as integer) as minor_unit_exponent,
    cast(major_per_minor as decimal(4, 3)) as major_per_minor,
    is_documented
from currencies
