"""The report for people: one HTML page, made from the published tables alone.

`reconciliation.duckdb` -> figures.py (what the page shows) -> writing.py (the page, from the
template, style, script and charts in page/) -> `report.html`.
"""
