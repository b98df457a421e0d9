from __future__ import annotations

from loader.sources.wanted_lists import WantedLists


def test_they_come_once_in_the_order_in_which_they_were_found() -> None:
    wanted = WantedLists()
    for payout_id, created in (("po_2", 20), ("po_1", 10), ("po_2", 20)):
        wanted.add(payout_id, created)
    assert wanted.made_before(20) == 1
    assert list(wanted.taken()) == [("po_2", 20), ("po_1", 10)]
    assert len(wanted) == 0
    assert list(wanted.taken()) == []
