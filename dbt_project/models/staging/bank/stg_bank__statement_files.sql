with

source as (

    select * from {{ source('bank', 'statement_files') }}

)

select
    path as source_file,
    source_id,
    format as file_format,
    is_whole,
    reason,
    statement_count,
    line_count
from source
