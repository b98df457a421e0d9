"""Events from Stripe, and the small runs that they ask for.

    Stripe -> receiver -> inbox (SQLite) -> worker -> a run of the accounts concerned
                            ^ catch-up: /v1/events, for what nobody received

Run by `tieout serve`. An event is taken for a hint: only the ids in it are kept, and what they name
is read anew from the API. The server opens no DuckDB file: a run is a process of its own
(`event_run`).
"""
