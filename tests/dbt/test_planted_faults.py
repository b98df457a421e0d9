"""Every reconciliation test trips over the fault it is there for, and over no other.

One warehouse holds one account per fault, all telling the same clean story. It is built and
tested twice: as it is, and with every fault planted, each in its own account. A third round takes
rows out of what was built, to see that a step which loses something is caught.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from loader.build import DBT_PROJECT, FailedTest
from loader.sources.batch import Batch
from tests.dbt.stories import march, plain_story, split_story, swept_story
from tests.dbt.warehouses import Workbench, load_raw

Finding = tuple[str, str | None, str | None]
"""(`exception_type`, `payout_id`, `balance_transaction_id`)."""


@dataclass(frozen=True)
class Fault:
    """What is done to an account, and everything that must come of it."""

    plant: tuple[str, ...]
    """SQL; `{a}` is the account's id."""
    failing: frozenset[str] = frozenset()
    found: frozenset[Finding] = frozenset()
    status: tuple[str, str] = ("reconciled", "reconciled")
    """Of `po_1` and `po_2`."""


def fault(
    *plant: str,
    failing: Iterable[str] = (),
    found: Iterable[Finding] = (),
    status: tuple[str, str] = ("reconciled", "reconciled"),
) -> Fault:
    return Fault(plant, frozenset(failing), frozenset(found), status)


FIRST_IS_NOT = ("unreconciled", "reconciled")
SECOND_IS_NOT = ("reconciled", "unreconciled")

# A ledger that lost or gained money is not the balance that Stripe states.
BALANCE_TEST = "assert_ledger_equals_stripe_balance"
UNPROVEN = ("balance_unproven", None, None)

LISTED = "stripe.payout_transactions"
LEDGER = "stripe.balance_transactions"


def change(table: str, changes: str, where: str) -> str:
    return f"update {table} set {changes} where account_id = '{{a}}' and {where}"


def delete(table: str, where: str) -> str:
    return f"delete from {table} where account_id = '{{a}}' and {where}"


def copy(table: str, replaced: str, where: str) -> str:
    return (
        f"insert into {table} by name select * replace ({replaced}) from {table} "
        f"where account_id = '{{a}}' and {where}"
    )


def balance_moved(by: int) -> str:
    """Stripe's balance moved with the rows: nothing is missing in total."""
    return change("stripe.balances", f"available = available + {by}", "true")


def list_grew(payout_id: str, by: int = 1) -> str:
    """The reading of the list saw the change too."""
    return change("stripe.payout_listings", f"row_count = row_count + {by}", f"id = '{payout_id}'")


FAULTS = {
    "a row lost from a list": fault(
        delete(LISTED, "payout_id = 'po_2' and id = 'txn_later'"),
        list_grew("po_2", -1),
        failing=["assert_payout_net_equals_payout_amount"],
        found=[("components_do_not_sum", "po_2", None)],
        status=SECOND_IS_NOT,
    ),
    "a transaction in two lists": fault(
        copy(LISTED, "'po_2' as payout_id", "payout_id = 'po_1' and id = 'txn_zero'"),
        list_grew("po_2"),
        failing=["assert_transaction_is_in_at_most_one_payout"],
        found=[
            ("transaction_in_two_payouts", "po_1", "txn_zero"),
            ("transaction_in_two_payouts", "po_2", "txn_zero"),
        ],
        status=("unreconciled", "unreconciled"),
    ),
    "the own row of an itemized payout counted by another payout": fault(
        copy(LISTED, "'po_2' as payout_id", "payout_id = 'po_1' and id = 'own_po_1'"),
        list_grew("po_2"),
        change("stripe.payouts", "amount = 6", "id = 'po_2'"),
        change(LISTED, "amount = -6, net = -6", "id = 'own_po_2'"),
        change(LEDGER, "amount = -6, net = -6", "id = 'own_po_2'"),
        balance_moved(770),
        failing=["assert_transaction_is_in_at_most_one_payout"],
        found=[("transaction_in_two_payouts", "po_2", "own_po_1")],
        status=SECOND_IS_NOT,
    ),
    "opposite errors of two payouts of one day": fault(
        change("stripe.payouts", "amount = 770 - 6", "id = 'po_1'"),
        change("stripe.payouts", "amount = 776 + 6", "id = 'po_2'"),
        change(LEDGER, "amount = amount + 6, net = net + 6", "id = 'own_po_1'"),
        change(LISTED, "amount = amount + 6, net = net + 6", "id = 'own_po_1'"),
        change(LEDGER, "amount = amount - 6, net = net - 6", "id = 'own_po_2'"),
        change(LISTED, "amount = amount - 6, net = net - 6", "id = 'own_po_2'"),
        change(
            "stripe.payouts",
            f"created = {march(8, 1)}, arrival_date = {march(10)}",
            "id = 'po_1'",
        ),
        failing=["assert_payout_net_equals_payout_amount"],
        found=[
            ("components_do_not_sum", "po_1", None),
            ("components_do_not_sum", "po_2", None),
        ],
        status=("unreconciled", "unreconciled"),
    ),
    "an own row that is nowhere": fault(
        delete(LEDGER, "id = 'own_po_1'"),
        delete(LISTED, "id = 'own_po_1'"),
        list_grew("po_1", -1),
        failing=["assert_payout_own_row_is_there_once_and_opposite", BALANCE_TEST],
        found=[("missing_payout_row", "po_1", "own_po_1"), UNPROVEN],
        status=FIRST_IS_NOT,
    ),
    "an own row of another amount": fault(
        change(LEDGER, "amount = amount + 1, net = net + 1", "id = 'own_po_1'"),
        change(LISTED, "amount = amount + 1, net = net + 1", "id = 'own_po_1'"),
        failing=["assert_payout_own_row_is_there_once_and_opposite", BALANCE_TEST],
        found=[("payout_row_mismatch", "po_1", "own_po_1"), UNPROVEN],
        status=FIRST_IS_NOT,
    ),
    "an own row of another amount, of a manual payout": fault(
        change(LEDGER, "amount = -99, net = -99", "id = 'own_po_f'"),
        change(LEDGER, "amount = 99, net = 99", "id = 'txn_back'"),
        failing=["assert_payout_own_row_is_there_once_and_opposite"],
        found=[("payout_row_mismatch", "po_f", "own_po_f")],
    ),
    "an own row that is there twice": fault(
        copy(LEDGER, "'own_again' as id", "id = 'own_po_1'"),
        failing=["assert_payout_own_row_is_there_once_and_opposite", BALANCE_TEST],
        # Nothing says that the second one is an own row, and no payout holds it.
        found=[
            ("payout_row_mismatch", "po_1", "own_po_1"),
            UNPROVEN,
        ],
        status=FIRST_IS_NOT,
    ),
    "a list and a ledger that disagree": fault(
        change(LISTED, "amount = amount + 5, fee = fee + 5", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row"],
        found=[("component_differs", "po_1", "txn_charge")],
        status=FIRST_IS_NOT,
    ),
    "a type that list and ledger tell differently": fault(
        change(LISTED, "type = 'payment'", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a category that list and ledger tell differently": fault(
        change(LEDGER, "reporting_category = 'fee'", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a source that list and ledger tell differently": fault(
        change(LISTED, "source = 'ch_else'", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a balance that list and ledger tell differently": fault(
        change(LISTED, "balance_type = 'issuing'", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a moment that list and ledger tell differently": fault(
        change(LEDGER, "created = created - 86400", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a listed row that the ledger lacks": fault(
        delete(LEDGER, "id = 'txn_charge'"),
        failing=["assert_listed_transaction_is_in_ledger"],
        found=[("orphan_payout_transaction", "po_1", "txn_charge")],
        status=FIRST_IS_NOT,
    ),
    "a part of another currency": fault(
        change(LISTED, "currency = 'eur'", "id = 'txn_zero'"),
        change(LEDGER, "currency = 'eur'", "id = 'txn_zero'"),
        failing=["assert_payout_parts_share_its_currency"],
        found=[("currency_mismatch", "po_1", "txn_zero")],
        status=FIRST_IS_NOT,
    ),
    "a part in a currency that nobody knows, in the list alone": fault(
        change(LISTED, "currency = 'xzz'", "id = 'txn_zero'"),
        failing=[
            "assert_payout_parts_share_its_currency",
            "assert_list_and_ledger_agree_on_each_row",
        ],
        found=[
            ("currency_mismatch", "po_1", "txn_zero"),
            ("component_differs", "po_1", "txn_zero"),
        ],
        status=FIRST_IS_NOT,
    ),
    "a list that broke off": fault(
        change("stripe.payout_listings", "is_whole = false, error = 'cut'", "id = 'po_1'"),
        failing=["assert_completed_payout_list_was_read_whole"],
        found=[("itemization_incomplete", "po_1", None)],
        status=FIRST_IS_NOT,
    ),
    "a list called whole that tells of an error": fault(
        change("stripe.payout_listings", "error = 'cut'", "id = 'po_1'"),
        failing=["assert_completed_payout_list_was_read_whole"],
        found=[("itemization_incomplete", "po_1", None)],
        status=FIRST_IS_NOT,
    ),
    "a list begun before Stripe called it complete": fault(
        change(
            "stripe.payout_listings", "reconciliation_status_seen = 'in_progress'", "id = 'po_1'"
        ),
        failing=["assert_completed_payout_list_was_read_whole"],
        found=[("itemization_incomplete", "po_1", None)],
        status=FIRST_IS_NOT,
    ),
    "a list whose load never ended": fault(
        change("stripe.payout_listings", "_dlt_load_id = 'killed'", "id = 'po_1'"),
        failing=["assert_completed_payout_list_was_read_whole"],
        found=[("itemization_incomplete", "po_1", None)],
        status=FIRST_IS_NOT,
    ),
    "a list stored with a row less than it gave": fault(
        list_grew("po_1"),
        failing=["assert_completed_payout_list_was_read_whole"],
        found=[("itemization_incomplete", "po_1", None)],
        status=FIRST_IS_NOT,
    ),
    "an id twice in one list": fault(
        copy(LISTED, "amount as amount", "payout_id = 'po_1' and id = 'txn_zero'"),
        list_grew("po_1"),
        failing=[
            "assert_completed_payout_list_was_read_whole",
            *(
                f"{model}__is_keyed_by_account_and_payout_and_balance_transaction"
                for model in (
                    "stg_stripe__payout_transactions",
                    "int_payout_transactions_classified",
                    "int_payout_transactions_compared",
                    "int_payout_transactions_checked",
                )
            ),
        ],
        found=[("itemization_incomplete", "po_1", None)],
        status=FIRST_IS_NOT,
    ),
    "a row that is twice in a list and nowhere else": fault(
        copy(LISTED, "amount as amount", "payout_id = 'po_1' and id = 'txn_zero'"),
        list_grew("po_1"),
        delete(LEDGER, "id = 'txn_zero'"),
        failing=[
            "assert_completed_payout_list_was_read_whole",
            "assert_listed_transaction_is_in_ledger",
            *(
                f"{model}__is_keyed_by_account_and_payout_and_balance_transaction"
                for model in (
                    "stg_stripe__payout_transactions",
                    "int_payout_transactions_classified",
                    "int_payout_transactions_compared",
                    "int_payout_transactions_checked",
                )
            ),
        ],
        found=[
            ("itemization_incomplete", "po_1", None),
            ("orphan_payout_transaction", "po_1", "txn_zero"),
        ],
        status=FIRST_IS_NOT,
    ),
    "a listed row that is of no type": fault(
        change(LISTED, "type = null", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a listed row without a fee": fault(
        change(LISTED, "fee = null", "id = 'txn_later'"),
        failing=[
            "assert_list_and_ledger_agree_on_each_row",
            "stg_stripe__payout_transactions__net_is_gross_less_fee",
        ],
        found=[("component_differs", "po_2", "txn_later")],
        status=SECOND_IS_NOT,
    ),
    "a listed row without an amount": fault(
        change(LISTED, "net = null", "id = 'txn_later'"),
        failing=[
            "assert_list_and_ledger_agree_on_each_row",
            "assert_payout_net_equals_payout_amount",
            "stg_stripe__payout_transactions__net_is_gross_less_fee",
        ],
        found=[("component_differs", "po_2", "txn_later"), ("components_do_not_sum", "po_2", None)],
        status=SECOND_IS_NOT,
    ),
    "an opening of a history without a start": fault(
        change("stripe.account_syncs", "opening = '{{\"usd\": 50}}'", "true"),
        delete(LEDGER, "id = 'txn_open'"),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "an opening in a currency that nobody knows": fault(
        change(
            "stripe.account_syncs",
            "history_from = 1, opening = '{{\"xyy\": 50}}', opening_read_at = 1",
            "true",
        ),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "a failed payout whose money is nowhere": fault(
        delete(LEDGER, "id = 'txn_back'"),
        failing=["assert_failed_payout_came_back", BALANCE_TEST],
        found=[("failed_payout_not_returned", "po_f", None), UNPROVEN],
    ),
    "a failed payout that came back short": fault(
        change(LEDGER, "amount = 99, net = 99", "id = 'txn_back'"),
        failing=["assert_failed_payout_came_back", BALANCE_TEST],
        found=[("failed_payout_not_returned", "po_f", "txn_back"), UNPROVEN],
    ),
    "a canceled payout whose money is nowhere": fault(
        change("stripe.payouts", "status = 'canceled'", "id = 'po_f'"),
        change(LEDGER, "source = 'po_else'", "id = 'txn_back'"),
        failing=["assert_failed_payout_came_back", "assert_payout_row_leads_to_its_payout"],
        found=[("failed_payout_not_returned", "po_f", "txn_back")],
    ),
    "a row that does not add up": fault(
        change(LEDGER, "fee = 31, fee_details = '[{{\"amount\": 31}}]'", "id = 'txn_charge'"),
        change(LISTED, "fee = 31", "id = 'txn_charge'"),
        failing=[
            "stg_stripe__payout_transactions__net_is_gross_less_fee",
            "int_balance_transactions_attributed__net_is_gross_less_fee",
        ],
        found=[("component_differs", "po_1", "txn_charge")],
        status=FIRST_IS_NOT,
    ),
    "a fee that its details do not add up to": fault(
        change(LEDGER, "fee_details = '[{{\"amount\": 31}}]'", "id = 'txn_charge'"),
        failing=["int_balance_transactions_attributed__fee_is_the_sum_of_its_details"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a fee in details that are no numbers": fault(
        change(LEDGER, 'fee_details = \'[{{"amount": "many"}}]\'', "id = 'txn_charge'"),
        failing=["int_balance_transactions_attributed__fee_is_the_sum_of_its_details"],
        found=[("component_differs", "po_1", "txn_charge")],
    ),
    "a list of a payout that the account does not have": fault(
        copy(
            LISTED,
            "'po_ghost' as payout_id, 'txn_open' as id, 50 as amount, 50 as net, 0 as fee, "
            "'charge' as type, 'charge' as reporting_category, 'ch_txn_open' as source, "
            f"{march(10, 10)} as created",
            "payout_id = 'po_1' and id = 'txn_zero'",
        ),
        failing=[
            "stg_stripe__payout_transactions__payout_is_of_the_same_account",
            "fct_balance_transactions__payout_is_of_the_same_account",
            "fct_payout_categories__payout_is_of_the_same_account",
            "int_payout_transactions_checked__keeps_every_row_and_sum",
        ],
    ),
    "a list of a payout that Stripe does not itemize": fault(
        copy(
            LISTED,
            "'po_f' as payout_id, 'txn_open' as id, 50 as amount, 50 as net, 0 as fee, "
            "'charge' as type, 'charge' as reporting_category, 'ch_txn_open' as source, "
            f"{march(10, 10)} as created",
            "payout_id = 'po_1' and id = 'txn_zero'",
        ),
        failing=["assert_settled_transaction_is_in_exactly_one_list"],
    ),
    "a line lost everywhere": fault(
        delete(LISTED, "id = 'txn_later'"),
        delete(LEDGER, "id = 'txn_later'"),
        list_grew("po_2", -1),
        failing=["assert_payout_net_equals_payout_amount", BALANCE_TEST],
        found=[("components_do_not_sum", "po_2", None), UNPROVEN],
        status=SECOND_IS_NOT,
    ),
    "a line that no payout holds, lost": fault(
        delete(LEDGER, "id = 'txn_open'"),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "a line doubled under another id": fault(
        copy(LEDGER, "'txn_open_again' as id", "id = 'txn_open'"),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "a line moved to another payout": fault(
        change(LISTED, "payout_id = 'po_2'", "id = 'txn_refund'"),
        list_grew("po_1", -1),
        list_grew("po_2"),
        failing=["assert_payout_net_equals_payout_amount"],
        found=[("components_do_not_sum", "po_1", None), ("components_do_not_sum", "po_2", None)],
        status=("unreconciled", "unreconciled"),
    ),
    "a sign flipped": fault(
        change(LISTED, "amount = -amount, net = -net", "id = 'txn_refund'"),
        change(LEDGER, "amount = -amount, net = -net", "id = 'txn_refund'"),
        failing=["assert_payout_net_equals_payout_amount", BALANCE_TEST],
        found=[("components_do_not_sum", "po_1", None), UNPROVEN],
        status=FIRST_IS_NOT,
    ),
    "a fee dropped": fault(
        change(LISTED, "fee = 0, net = amount, fee_details = '[]'", "id = 'txn_late'"),
        change(LEDGER, "fee = 0, net = amount, fee_details = '[]'", "id = 'txn_late'"),
        failing=["assert_payout_net_equals_payout_amount", BALANCE_TEST],
        found=[("components_do_not_sum", "po_2", None), UNPROVEN],
        status=SECOND_IS_NOT,
    ),
    "an amount off by one": fault(
        change(LISTED, "amount = amount + 1, net = net + 1", "id = 'txn_charge'"),
        change(LEDGER, "amount = amount + 1, net = net + 1", "id = 'txn_charge'"),
        failing=["assert_payout_net_equals_payout_amount", BALANCE_TEST],
        found=[("components_do_not_sum", "po_1", None), UNPROVEN],
        status=FIRST_IS_NOT,
    ),
    "an amount off by one, in the listing alone": fault(
        change(LEDGER, "amount = amount + 1, net = net + 1", "id = 'txn_charge'"),
        failing=["assert_list_and_ledger_agree_on_each_row", BALANCE_TEST],
        found=[("component_differs", "po_1", "txn_charge"), UNPROVEN],
        status=FIRST_IS_NOT,
    ),
    "a balance off by one": fault(
        balance_moved(1),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "a balance in a currency without any row": fault(
        copy("stripe.balances", "'1-eur' as id, 'eur' as currency", "true"),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "an opening in a currency that nothing names any more": fault(
        change(
            "stripe.account_syncs",
            "history_from = 1, opening = '{{\"eur\": 50}}', opening_read_at = 1",
            "true",
        ),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "a row lost while money moves": fault(
        change("stripe.account_syncs", "moving = '{{\"usd\": 1}}'", "true"),
        balance_moved(5),
        failing=[BALANCE_TEST],
        found=[UNPROVEN],
    ),
    "a payout given back by a row that does not name it": fault(
        copy(
            LEDGER,
            "'txn_back_of_nobody' as id, cast(null as varchar) as source",
            "id = 'txn_back'",
        ),
        balance_moved(100),
        failing=["assert_payout_row_leads_to_its_payout"],
    ),
    "a failed payout that came back twice": fault(
        copy(LEDGER, "'txn_back_again' as id", "id = 'txn_back'"),
        balance_moved(100),
        failing=["assert_failed_payout_came_back"],
        found=[("failed_payout_not_returned", "po_f", "txn_back")],
    ),
    "a failed payout that came back less a fee": fault(
        change(LEDGER, "fee = 5, net = 95, fee_details = '[{{\"amount\": 5}}]'", "id = 'txn_back'"),
        balance_moved(-5),
        failing=["assert_failed_payout_came_back"],
        found=[("failed_payout_not_returned", "po_f", "txn_back")],
    ),
    "a failed payout that came back to another balance": fault(
        change(LEDGER, "balance_type = 'issuing'", "id = 'txn_back'"),
        balance_moved(-100),
        failing=["assert_failed_payout_came_back"],
        found=[("failed_payout_not_returned", "po_f", "txn_back")],
    ),
    "a payout that came back twice, once under another type": fault(
        copy(LEDGER, "'txn_back_again' as id", "id = 'txn_back'"),
        change("stripe.payouts", "failure_balance_transaction = 'txn_back'", "id = 'po_f'"),
        change(LEDGER, "type = 'adjustment'", "id = 'txn_back'"),
        balance_moved(100),
        failing=["assert_failed_payout_came_back"],
        found=[("failed_payout_not_returned", "po_f", "txn_back")],
    ),
    "a payout called paid whose money came back": fault(
        change("stripe.payouts", "status = 'paid'", "id = 'po_f'"),
        failing=["assert_failed_payout_came_back"],
        found=[("failed_payout_not_returned", "po_f", "txn_back")],
    ),
    "a payout whose reversal is nowhere": fault(
        change("stripe.payouts", "reversed_by = 'po_nowhere'", "id = 'po_1'"),
        failing=["assert_reversal_and_payout_name_each_other"],
        found=[("failed_payout_not_returned", "po_1", None)],
    ),
    "a payout that does not know of its reversal": fault(
        change("stripe.payouts", "original_payout = 'po_1'", "id = 'po_2'"),
        failing=["assert_reversal_and_payout_name_each_other"],
        found=[("failed_payout_not_returned", "po_1", None)],
    ),
    "an own row whose fee is off": fault(
        change(LEDGER, "fee = 5", "id = 'own_po_1'"),
        change(LISTED, "fee = 5", "id = 'own_po_1'"),
        failing=[
            "stg_stripe__payout_transactions__net_is_gross_less_fee",
            "int_balance_transactions_attributed__net_is_gross_less_fee",
            "int_balance_transactions_attributed__fee_is_the_sum_of_its_details",
        ],
        found=[("component_differs", "po_1", "own_po_1")],
        status=FIRST_IS_NOT,
    ),
    "an own row of another currency": fault(
        change(LEDGER, "currency = 'eur'", "id = 'own_po_1'"),
        change(LISTED, "currency = 'eur'", "id = 'own_po_1'"),
        failing=["assert_payout_own_row_is_there_once_and_opposite", BALANCE_TEST],
        found=[("payout_row_mismatch", "po_1", "own_po_1"), UNPROVEN],
        status=FIRST_IS_NOT,
    ),
    "a payout that is there twice": fault(
        copy("stripe.payouts", "'po_again' as id", "id = 'po_2'"),
        failing=[
            "assert_payout_own_row_is_there_once_and_opposite",
            "assert_completed_payout_list_was_read_whole",
            "assert_payout_net_equals_payout_amount",
        ],
        found=[
            ("itemization_incomplete", "po_again", None),
            ("payout_row_mismatch", "po_again", "own_po_2"),
        ],
    ),
    "a payout vanished": fault(
        delete("stripe.payouts", "id = 'po_f'"),
        failing=["assert_payout_row_leads_to_its_payout"],
        found=[("unsettled_too_long", None, "own_po_f")],
    ),
    "a minimum balance held back and not given back": fault(
        copy(
            LEDGER,
            "'txn_hold' as id, 'payout_minimum_balance_hold' as type, -200 as amount, "
            "-200 as net, 'payout_minimum_balance_hold' as reporting_category, "
            f"{march(2)} as created",
            "id = 'txn_refund'",
        ),
        balance_moved(-200),
        failing=["assert_minimum_balance_hold_is_released"],
        found=[("unsettled_too_long", None, "txn_hold")],
    ),
    # What finance hears of while every test holds.
    "a payout that is never itemized": fault(
        change("stripe.payouts", "reconciliation_status = 'in_progress'", "id = 'po_2'"),
        found=[("overdue_itemization", "po_2", None)],
        status=("reconciled", "in_progress"),
    ),
    "a type that nobody knows": fault(
        change(LEDGER, "type = 'odd'", "id = 'txn_open'"),
        found=[("unknown_category", None, "txn_open")],
    ),
    "a row that two payouts passed over": fault(
        change(
            LEDGER,
            "created = created - 864000, available_on = available_on - 864000",
            "id = 'txn_open'",
        ),
        found=[("unsettled_too_long", None, "txn_open")],
    ),
    "an account that could not be read": fault(
        change("stripe.account_syncs", "status = 'failed', error = 'no permission'", "true"),
        found=[("account_unreadable", None, None)],
    ),
    "an account that nobody read yet": fault(
        delete("stripe.account_syncs", "true"),
        found=[("account_unreadable", None, None)],
    ),
    "an account that was revoked": fault(
        change("stripe.account_syncs", "status = 'revoked', error = 'no access'", "true"),
    ),
}

# What no rule can see, and what would be needed to see it.
UNSEEN = {
    # Both payouts still add up. Needed: Stripe's own report of the payout.
    "two rows of equal net swapped between payouts": fault(
        change(LISTED, "payout_id = 'po_2'", "id = 'txn_charge'"),
        change(LISTED, "payout_id = 'po_1'", "id in ('txn_later', 'txn_late')"),
        change("stripe.payouts", "amount = 576", "id = 'po_1'"),
        change("stripe.payouts", "amount = 970", "id = 'po_2'"),
        change(LEDGER, "amount = -576, net = -576", "id = 'own_po_1'"),
        change(LISTED, "amount = -576, net = -576", "id = 'own_po_1'"),
        change(LEDGER, "amount = -970, net = -970", "id = 'own_po_2'"),
        change(LISTED, "amount = -970, net = -970", "id = 'own_po_2'"),
        list_grew("po_1"),
        list_grew("po_2", -1),
    ),
    # No total changes. Needed: another source of the rows, such as the charges themselves.
    "a row of net zero lost everywhere": fault(
        delete(LISTED, "id = 'txn_zero'"),
        delete(LEDGER, "id = 'txn_zero'"),
        list_grew("po_1", -1),
    ),
}

LOSSES = {
    "a transaction lost on the way to the ledger": fault(
        delete("finance.fct_balance_transactions", "balance_transaction_id = 'txn_open'"),
        failing=[
            "assert_ledger_holds_every_loaded_transaction_once",
            "fct_balance_transactions__keeps_every_row_and_sum",
        ],
    ),
    "a transaction published twice": fault(
        copy(
            "finance.fct_balance_transactions",
            "type as type",
            "balance_transaction_id = 'txn_zero'",
        ),
        failing=[
            "assert_ledger_holds_every_loaded_transaction_once",
            "fct_balance_transactions__keeps_every_row_and_sum",
            "fct_balance_transactions__is_keyed_by_account_and_balance_transaction",
        ],
    ),
    "a transaction settled in a payout that does not list it": fault(
        change(
            "finance.fct_balance_transactions",
            "payout_id = 'po_2'",
            "balance_transaction_id = 'txn_charge'",
        ),
        failing=["assert_settled_transaction_is_in_exactly_one_list"],
    ),
    "a settled transaction that is not called so": fault(
        change(
            "finance.fct_balance_transactions",
            "payout_id = null, attribution_status = 'unsettled'",
            "balance_transaction_id = 'txn_charge'",
        ),
        failing=["assert_settled_transaction_is_in_exactly_one_list"],
    ),
    "an amount changed on the way to the ledger": fault(
        change(
            "finance.fct_balance_transactions",
            "net_amount_minor = net_amount_minor + 1",
            "balance_transaction_id = 'txn_open'",
        ),
        failing=[
            "assert_ledger_holds_every_loaded_transaction_once",
            "fct_balance_transactions__keeps_every_row_and_sum",
        ],
    ),
    "a category lost": fault(
        delete("finance.fct_payout_categories", "reporting_category = 'refund'"),
        failing=[
            "assert_counted_list_rows_are_in_payout_categories",
            "assert_category_sums_equal_payout_sums",
        ],
    ),
    "sums that crossed into another account": fault(
        change(
            "finance.fct_payout_reconciliation",
            "net_amount_minor = 2 * net_amount_minor, "
            "difference_minor = payout_amount_minor - 2 * net_amount_minor",
            "payout_id = 'po_1'",
        ),
        failing=[
            "assert_category_sums_equal_payout_sums",
            "fct_payout_reconciliation__reconciled_has_no_difference",
        ],
    ),
    "a payout lost on the way": fault(
        delete("finance.fct_payout_reconciliation", "payout_id = 'po_f'"),
        failing=[
            "assert_account_sums_equal_their_payouts",
            "fct_payout_reconciliation__keeps_every_row_and_sum",
        ],
    ),
    "a flag that contradicts the status": fault(
        change("finance.fct_payout_reconciliation", "is_reconciled = false", "payout_id = 'po_1'"),
        failing=["fct_payout_reconciliation__is_reconciled_agrees_with_status"],
    ),
    "a verdict without its exception": fault(
        change(
            "finance.fct_payout_reconciliation",
            "reconciliation_status = 'unreconciled', is_reconciled = false, "
            "unreconciled_reason = 'component_differs'",
            "payout_id = 'po_1'",
        ),
        failing=["assert_unreconciled_payout_has_its_exception"],
    ),
    "cash that was never paid": fault(
        change("finance.fct_payout_reconciliation", "cash_minor = 100", "payout_id = 'po_f'"),
        failing=["fct_payout_reconciliation__cash_is_what_was_paid"],
    ),
    "an account lost": fault(
        "delete from finance.dim_accounts where account_id = '{a}'",
        failing=[
            "dim_accounts__keeps_every_row",
            "fct_payout_reconciliation__account_is_known",
            "fct_payout_reconciliation_history__account_is_known",
            "fct_balance_proof__account_is_known",
            "fct_balance_rollforward__account_is_known",
            "fct_manual_payout_activity__account_is_known",
        ],
    ),
    "a month of a ledger lost": fault(
        delete("finance.fct_balance_rollforward", "true"),
        failing=["assert_rollforward_carries_every_month_forward"],
    ),
    "a closing that is not the next opening": fault(
        copy(
            "finance.fct_balance_rollforward",
            "month_start_date + interval 1 month as month_start_date, "
            "month_end_date + interval 1 month as month_end_date, "
            "closing_amount_minor + 1 as closing_amount_minor, "
            "closing_amount_minor + 1 as opening_amount_minor",
            "true",
        ),
        failing=[
            "assert_rollforward_carries_every_month_forward",
            "fct_balance_rollforward__rolls_from_opening_to_closing",
        ],
    ),
    "a balance called proven that is not": fault(
        change("finance.fct_balance_proof", "ledger_amount_minor = 1", "true"),
        failing=["fct_balance_proof__proven_has_no_difference"],
    ),
    "the figures of an account lost": fault(
        delete("finance.fct_account_reconciliation", "true"),
        failing=["assert_account_sums_equal_their_payouts"],
    ),
    "a payout counted twice in the figures of its account": fault(
        change(
            "finance.fct_account_reconciliation",
            "proven_payout_count = proven_payout_count + 1",
            "true",
        ),
        failing=["fct_account_reconciliation__counts_every_payout_once"],
    ),
    "a payout dropped while it is reconciled": fault(
        delete("intermediate.int_payouts_reconciled", "payout_id = 'po_1'"),
        failing=["int_payouts_reconciled__keeps_every_row_and_sum"],
    ),
    "a row dropped while it is attributed": fault(
        delete(
            "intermediate.int_balance_transactions_attributed",
            "balance_transaction_id = 'txn_open'",
        ),
        failing=["fct_balance_transactions__keeps_every_row_and_sum"],
    ),
}

CLEAN = {"clean": plain_story, "split": split_story, "swept": swept_story}


def account_of(name: str) -> str:
    return "acct_" + name.replace(",", "").replace(" ", "_")


@dataclass(frozen=True)
class Outcome:
    """What dbt found, by account."""

    failing: dict[str, set[str]]
    found: dict[str, set[Finding]]
    status: dict[tuple[str, str], str]


def outcome(bench: Workbench, failed: list[FailedTest]) -> Outcome:
    failing: dict[str, set[str]] = defaultdict(set)
    for test in failed:
        for (account_id,) in bench.rows(accounts_in(test)):
            failing[account_id].add(test.name)
    found: dict[str, set[Finding]] = defaultdict(set)
    for account_id, *exception in bench.rows(
        "select account_id, exception_type, payout_id, balance_transaction_id "
        "from finance.fct_reconciliation_exceptions"
    ):
        kind, payout_id, transaction_id = exception
        found[account_id].add((kind, payout_id, transaction_id))
    status = bench.rows(
        "select account_id, payout_id, reconciliation_status from finance.fct_payout_reconciliation"
    )
    return Outcome(failing, found, {(a, p): s for a, p, s in status})


def accounts_in(test: FailedTest) -> str:
    """Ask for the accounts whose rows break a test; some name it by another column."""
    if test.name.endswith("__account_is_known"):
        return f"select distinct from_field from {test.stored_in}"
    return f"select distinct account_id from {test.stored_in}"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    batch = Batch()
    for name in (*FAULTS, *UNSEEN, *LOSSES):
        plain_story().tell(batch, account_of(name))
    for name, story in CLEAN.items():
        story().tell(batch, account_of(name))
    return load_raw(tmp_path_factory.mktemp("stories"), batch)


def plant(bench: Workbench, faults: dict[str, Fault]) -> None:
    bench.change(
        statement.format(a=account_of(name))
        for name, planted in faults.items()
        for statement in planted.plant
    )


@pytest.fixture(scope="module")
def clean(bench: Workbench, raw: Path) -> Outcome:
    bench.put(raw)
    bench.project.run_models()
    return outcome(bench, bench.project.run_tests())


@pytest.fixture(scope="module")
def lossy(bench: Workbench, clean: Outcome) -> Outcome:
    """Take rows out of the clean build, then test it again."""
    assert clean.failing == {}
    plant(bench, LOSSES)
    return outcome(bench, bench.project.run_tests())


@pytest.fixture(scope="module")
def faulty(bench: Workbench, raw: Path) -> Outcome:
    bench.put(raw)
    plant(bench, FAULTS | UNSEEN)
    bench.project.run_models()
    return outcome(bench, bench.project.run_tests())


def test_clean_data_holds_every_test(clean: Outcome) -> None:
    assert clean.failing == {}
    assert clean.found == {}


def test_clean_payouts_are_reconciled(clean: Outcome) -> None:
    split, swept = account_of("split"), account_of("swept")
    special = {
        (split, "po_1"): "reconciled_in_group",
        (split, "po_1b"): "reconciled_in_group",
        (swept, "po_m"): "not_itemizable",
    }
    for (account_id, payout_id), status in clean.status.items():
        usual = "not_itemizable" if payout_id == "po_f" else "reconciled"
        assert status == special.get((account_id, payout_id), usual)


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_that_loses_something_is_caught(lossy: Outcome, name: str) -> None:
    assert lossy.failing.get(account_of(name), set()) == LOSSES[name].failing


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_trips_its_test_alone(faulty: Outcome, name: str) -> None:
    assert faulty.failing.get(account_of(name), set()) == FAULTS[name].failing


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_as_its_exception(faulty: Outcome, name: str) -> None:
    assert faulty.found.get(account_of(name), set()) == FAULTS[name].found


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_the_other_payouts_alone(faulty: Outcome, name: str) -> None:
    account_id = account_of(name)
    status = (faulty.status[account_id, "po_1"], faulty.status[account_id, "po_2"])
    assert status == FAULTS[name].status


@pytest.mark.parametrize("name", UNSEEN)
def test_what_no_rule_can_see_stands_in_the_key(faulty: Outcome, name: str) -> None:
    account_id = account_of(name)
    assert faulty.failing.get(account_id, set()) == set()
    assert faulty.found.get(account_id, set()) == set()
    assert faulty.status[account_id, "po_1"] == faulty.status[account_id, "po_2"] == "reconciled"


@pytest.mark.parametrize("name", CLEAN)
def test_faults_elsewhere_leave_an_account_alone(faulty: Outcome, name: str) -> None:
    assert faulty.failing.get(account_of(name), set()) == set()
    assert faulty.found.get(account_of(name), set()) == set()


def test_every_proof_has_its_fault() -> None:
    folders = (DBT_PROJECT / "tests" / name for name in ("conservation", "reconciliation"))
    proofs = {path.stem for folder in folders for path in folder.glob("assert_*.sql")}
    planted = {name for faults in (FAULTS, LOSSES) for f in faults.values() for name in f.failing}
    assert proofs
    assert proofs <= planted
