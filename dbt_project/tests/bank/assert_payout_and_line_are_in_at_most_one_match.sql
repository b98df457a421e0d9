-- No deposit explains two matches, and no payout is found twice.
select
    'line ' || bank_statement_line_id as matched_twice,
    count(distinct match_id) as match_count
from {{ ref('fct_bank_matches') }}
group by bank_statement_line_id
having count(distinct match_id) > 1

union all

select
    'payout ' || account_id || ' ' || payout_id as matched_twice,
    count(distinct match_id) as match_count
from {{ ref('fct_bank_matches') }}
group by account_id, payout_id
having count(distinct match_id) > 1
