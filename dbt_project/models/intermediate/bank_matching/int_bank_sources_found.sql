-- What stands in the folder now: a content that no path has any more is out, one that has two paths
-- counts once.
{{ config(materialized='view') }}

with

files as (

    select * from {{ ref('stg_bank__statement_files') }}

)

select
    source_id,
    min(source_file) as source_file,
    min(case when is_whole then 1 else 0 end) = 1 as is_whole
from files
group by source_id
