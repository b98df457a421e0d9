{{ config(materialized='view') }}

-- Left out of every count and sum, always by id: the payout's own row, and the own rows of the
-- payouts that could be parts of the same settlement.
with

payout_transactions as (

    select * from {{ ref('stg_stripe__payout_transactions') }}

),

settlements as (

    select * from {{ ref('int_payouts_grouped_by_settlement') }}

),

own_rows as (

    {{ own_rows_of_settlements('settlements') }}

)

{{ list_rows_classified('payout_transactions', 'settlements', 'own_rows') }}
