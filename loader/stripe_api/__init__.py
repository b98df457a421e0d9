"""A read-only, paced Stripe client: knows neither dlt nor DuckDB."""
