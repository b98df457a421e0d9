{# A condition is true of every row; where it is unknown (null), it does not hold. #}
{% test holds_for_every_row(model, condition) %}
select *
from {{ model }}
where not coalesce(({{ condition }}), false)
{% endtest %}
