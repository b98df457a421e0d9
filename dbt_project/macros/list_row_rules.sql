{# Each payout, with what tells whether rows of its list should be in the ledger. #}
{% macro payouts_read(payouts, listings, accounts_read) -%}
    select
        {{ payouts }}.account_id,
        {{ payouts }}.payout_id,
        {{ payouts }}.currency,
        {{ listings }}.listed_at,
        {{ accounts_read }}.created_from_at,
        {{ accounts_read }}.transactions_listed_at
    from {{ payouts }}
    left join {{ listings }}
        on
            {{ payouts }}.account_id = {{ listings }}.account_id
            and {{ payouts }}.payout_id = {{ listings }}.payout_id
    left join {{ accounts_read }} on {{ payouts }}.account_id = {{ accounts_read }}.account_id
{%- endmacro %}

{# Whether a row of a payout's list counts and another payout's list counts it too. #}
{% macro is_in_two_payouts(compared) -%}
    not {{ compared }}.is_left_out and {{ compared }}.attribution_status = 'in_two_payouts'
{%- endmacro %}

{# Whether the ledger's copy of a row has other amounts, or its own don't add up. #}
{% macro is_different_in_ledger(compared) -%}
    not coalesce(
        {{ compared }}.gross_amount_minor - {{ compared }}.fee_amount_minor
        = {{ compared }}.net_amount_minor
        and {{ compared }}.gross_amount_minor = {{ compared }}.ledger_gross_amount_minor
        and {{ compared }}.fee_amount_minor = {{ compared }}.ledger_fee_amount_minor
        and {{ compared }}.net_amount_minor = {{ compared }}.ledger_net_amount_minor
        and {{ compared }}.currency = {{ compared }}.ledger_currency,
        false
    )
{%- endmacro %}

{# When a row was created that the listing by `created` did not give; null if it did. #}
{% macro unlisted_moment(compared) -%}
    case when not {{ compared }}.is_listed_by_created then {{ compared }}.created_at end
{%- endmacro %}

{#
    Whether a row of that moment, which was not listed, should have been: the account's transactions
    were listed from before it on, and after its payout's list. Of several rows, the newest tells.
#}
{% macro is_orphan(unlisted_at, payouts_read) -%}
    coalesce(
        {{ unlisted_at }} >= coalesce({{ payouts_read }}.created_from_at, {{ unlisted_at }})
        and {{ payouts_read }}.listed_at <= {{ payouts_read }}.transactions_listed_at,
        false
    )
{%- endmacro %}

{#
    Rows of payouts' lists beside the ledger's copy of them, with what is wrong with each. One join,
    with `payouts_read`, in place of three with all rows of all lists.
#}
{% macro list_rows_checked(compared, payouts_read) -%}
    select
        {{ compared }}.account_id,
        {{ compared }}.payout_id,
        {{ compared }}.balance_transaction_id,
        {{ compared }}.is_left_out,
        {{ compared }}.type,
        {{ compared }}.reporting_category,
        {{ compared }}.currency,
        {{ compared }}.gross_amount_minor,
        {{ compared }}.fee_amount_minor,
        {{ compared }}.net_amount_minor,
        {{ payouts_read }}.currency as payout_currency,
        {{ compared }}.ledger_currency,
        {{ compared }}.ledger_gross_amount_minor,
        {{ compared }}.ledger_fee_amount_minor,
        {{ compared }}.ledger_net_amount_minor,
        {{ compared }}.is_listed_otherwise,
        {{ is_in_two_payouts(compared) }} as is_in_two_payouts,
        not {{ compared }}.is_left_out and {{ compared }}.currency != {{ payouts_read }}.currency
            as is_of_another_currency,
        {{ is_different_in_ledger(compared) }} as is_different_in_ledger,
        {{ compared }}.is_described_otherwise,
        {{ is_orphan(unlisted_moment(compared), payouts_read) }} as is_orphan
    from {{ compared }}
    inner join {{ payouts_read }}
        on
            {{ compared }}.account_id = {{ payouts_read }}.account_id
            and {{ compared }}.payout_id = {{ payouts_read }}.payout_id
{%- endmacro %}
