"""Benchmarks: what a run costs, each figure beside its floor from the same machine and minute.

Run by `make bench` (half an hour or more on two quiet cores, half of it `kills`), or
`make bench SCENARIOS="backfill limited"` for some of them (these take three minutes). They print
and judge no speed; they fail when a table is wrong. Every run is the real command in a process of
its own, against the bundled sandbox in another.

The floor of a run is `floor.py`, a loader made by hand that fetches the same pages with as many
requests in flight, parses them and writes Parquet: no database, no proof, no way to go on after a
kill. What has no such floor stands beside what Stripe's limit or an undisturbed run allows.
"""
