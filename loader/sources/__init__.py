"""The dlt sources: what is read becomes raw tables in DuckDB."""
