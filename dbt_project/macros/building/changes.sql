{#
    Whether a row's transaction is one of another relation's; `id_column` is what its id is called
    in the row's relation.
#}
{% macro is_among(transactions, relation, id_column='balance_transaction_id') -%}
    exists (
        select 1
        from {{ transactions }} as among
        where
            among.account_id = {{ relation }}.account_id
            and among.balance_transaction_id = {{ relation }}.{{ id_column }}
    )
{%- endmacro %}

{# The parts of the raw rows that are not as another build found them: changed, new or gone. #}
{% macro parts_changed(fingerprinted, kept) -%}
    select
        coalesce(fingerprinted.account_id, kept.account_id) as account_id,
        coalesce(fingerprinted.part_kind, kept.part_kind) as part_kind,
        coalesce(fingerprinted.part_name, kept.part_name) as part_name,
        coalesce(fingerprinted.row_count, kept.row_count) as row_count
    from {{ fingerprinted }} as fingerprinted
    full outer join {{ kept }} as kept
        on
            fingerprinted.account_id = kept.account_id
            and fingerprinted.part_kind = kept.part_kind
            and fingerprinted.part_name = kept.part_name
            and fingerprinted.row_count = kept.row_count
            and fingerprinted.fingerprint = kept.fingerprint
    where fingerprinted.account_id is null or kept.account_id is null
{%- endmacro %}
