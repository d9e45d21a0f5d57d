"""Whoever has a log, and the shop's id of a customer, cannot tell from the log whether it knows them."""

from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec.structs import replace

from application.log.event_log import subject_in_the_clear
from domain.adjustments.ledger import LEDGERS, ledger_of_customer
from domain.look_ups.duplicates import CUSTOMERS, customer_stream
from domain.policy.rulebook import Rulebook
from tests.application.house import DEFAULT
from tests.application.keys import MemoryKeys, SealedHouse
from tests.application.looking_up import DUPLICATES
from tests.application.money import MoneyHouse


class Shop(MoneyHouse, SealedHouse):
    """Money is given in it, and orders are held against each other; what is personal is sealed."""


def a_shop(customer: str) -> Shop:
    """Two orders of one customer, alike, and money asked for in both."""
    rulebook = Rulebook(replace(DEFAULT.document, look_ups=DUPLICATES))
    shop = Shop(price=None, rulebook=rulebook)
    for n, order in enumerate(("o-1", "o-2")):
        shop.buy(order, "100.00", customer, at=n)
        shop.propose(order=order, at=10 + n)
    return shop


def streams_of(shop: Shop) -> dict[UUID, set[str]]:
    """What each stream of the log holds, as whoever has the log alone reads it."""
    found: dict[UUID, set[str]] = {}
    for line in shop.log.read(0, 1_000):
        found.setdefault(line.stream, set()).add(line.type)
    return found


def named_by(customer: str) -> set[UUID]:
    """All that can be worked out from the id without the keys."""
    subjects = [subject_in_the_clear(customer), MemoryKeys().subject_of(customer)]
    told = [customer, f"customer\n{customer}"]
    return {
        *(uuid5(space, text) for space in (CUSTOMERS, LEDGERS, NAMESPACE_URL) for text in told),
        *map(customer_stream, subjects),
        *map(ledger_of_customer, subjects),
    }


def test_no_stream_is_named_by_what_can_be_worked_out_from_the_id() -> None:
    shop = a_shop("c-9")
    streams = streams_of(shop)
    assert not named_by("c-9") & streams.keys()
    subject = shop.log.subject_of("c-9")
    assert streams[customer_stream(subject)] == {"customer.ordered"}
    assert streams[ledger_of_customer(subject)] == {"ledger.adjustment_entered"}


def test_who_has_the_keys_holds_a_customers_orders_against_each_other() -> None:
    shop = a_shop("c-9")
    assert [case.order for case in shop.found() if case.kind == "duplicate_order"] == ["o-2"]
    last = shop.of("o-2").adjustments.items[-1]
    assert last.requirement.counted == "80.00", "what was asked for in the other order counts"
    others = a_shop("c-9").log.subject_of("c-9")
    assert others != shop.log.subject_of("c-9"), "another log's keys name them otherwise"
