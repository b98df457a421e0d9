"""A month-end close on the published file, as a marimo notebook.

    pip install marimo duckdb
    marimo edit docs/examples/month_end.py -- --published data/live/reconciliation.duckdb

It reads the file alone and never writes to it; a run may publish meanwhile.
"""

import marimo

app = marimo.App(width="full", app_title="Month-end close")


@app.cell
def _():
    import duckdb
    import marimo as mo

    published = mo.cli_args().get("published") or "data/sandbox/reconciliation.duckdb"
    return duckdb, mo, published


@app.cell
def _(duckdb, published):
    def rows(query, *parameters):
        # A connection for each question: the next one sees what was published since.
        with duckdb.connect(str(published), read_only=True) as connection:
            found = connection.execute(query, parameters)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return (rows,)


@app.cell
def _(mo, rows):
    months = [
        row["month"]
        for row in rows(
            """
            select strftime(month_end_date, '%Y-%m') as month
            from finance.fct_balance_rollforward
            group by month_end_date
            -- The last month that has ended comes first: it is the one to close.
            order by
                month_end_date
                > (select max(as_of_date) from finance.fct_account_reconciliation),
                month desc
            """
        )
    ]
    currencies = [
        row["currency"]
        for row in rows(
            "select currency from finance.fct_account_reconciliation "
            "group by currency order by sum(payout_count) desc, currency"
        )
    ]
    month = mo.ui.dropdown(months, value=months[0] if months else None, label="Month")
    currency = mo.ui.dropdown(
        currencies, value=currencies[0] if currencies else None, label="Currency"
    )
    mo.vstack([mo.md("# Month-end close"), mo.hstack([month, currency], justify="start")])
    return currency, month


@app.cell
def _(currency, mo, rows):
    proof = rows(
        """
        select
            account_name, payout_count, proven_payout_count, unreconciled_payout_count,
            balance_proof_status, open_error_count, open_warning_count,
            closing_amount_minor, in_transit_amount_minor, banked_amount_minor, difference_minor
        from finance.fct_account_reconciliation
        where currency = ?
        order by open_error_count desc, payout_count desc
        """,
        currency.value,
    )
    mo.vstack([mo.md("## Does each account tie out, as of the last run? (minor units)"), mo.ui.table(proof)])
    return


@app.cell
def _(currency, mo, month, rows):
    rollforward = rows(
        """
        select
            accounts.account_name, months.opening_amount_minor, months.charge_amount_minor,
            months.refund_amount_minor, months.dispute_amount_minor, months.fee_amount_minor,
            months.transfer_amount_minor, months.adjustment_amount_minor,
            months.payout_amount_minor, months.returned_payout_amount_minor,
            months.prior_period_minor, months.closing_amount_minor, months.closing_status
        from finance.fct_balance_rollforward as months
        left join finance.dim_accounts as accounts using (account_id)
        where months.currency = ? and strftime(months.month_end_date, '%Y-%m') = ?
        order by accounts.account_name
        """,
        currency.value,
        month.value,
    )
    mo.vstack([mo.md("## Roll-forward of the month (minor units)"), mo.ui.table(rollforward)])
    return


@app.cell
def _(currency, mo, month, rows):
    in_transit = rows(
        """
        select accounts.account_name, transit.payout_id, transit.payout_amount,
            transit.created_date, transit.expected_arrival_date, transit.reached_bank_date
        from finance.fct_cash_in_transit as transit
        left join finance.dim_accounts as accounts using (account_id)
        where transit.currency = ? and strftime(transit.month_end_date, '%Y-%m') = ?
        order by transit.payout_amount desc
        """,
        currency.value,
        month.value,
    )
    mo.vstack([mo.md("## Cash in transit at month end"), mo.ui.table(in_transit)])
    return


@app.cell
def _(currency, mo, rows):
    exceptions = rows(
        """
        select severity, exception_type, amount, days_outstanding, account_id, payout_id,
            explanation
        from finance.fct_reconciliation_exceptions
        where currency = ? or currency is null
        order by severity, abs(amount) desc
        """,
        currency.value,
    )
    mo.vstack([mo.md("## What does not tie out"), mo.ui.table(exceptions)])
    return


if __name__ == "__main__":
    app.run()
