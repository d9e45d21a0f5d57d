"""With the log and a customer's id, but without the keys, nobody can tell whether the log has that
customer."""

from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec.structs import replace

from application.log.event_log import unsealed_subject_of
from domain.adjustments.ledger import LEDGERS_NAMESPACE, ledger_of_customer
from domain.look_ups.duplicates import CUSTOMERS_NAMESPACE, customer_stream
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_keys import MemoryKeys, SealedService
from tests.application.in_memory_service import UNTIMED_RULEBOOK
from tests.application.look_ups import DUPLICATES
from tests.application.money_service import MoneyService


class Shop(MoneyService, SealedService):
    """A service with adjustments and duplicate detection, whose personal data is sealed."""


def shop_with_two_orders(customer: str) -> Shop:
    """Two similar orders of one customer, with an adjustment proposed for each."""
    rulebook = Rulebook(replace(UNTIMED_RULEBOOK.document, look_ups=DUPLICATES))
    shop = Shop(price=None, rulebook=rulebook)
    for n, order in enumerate(("o-1", "o-2")):
        shop.buy(order, "100.00", customer, at=n)
        shop.propose(order=order, at=10 + n)
    return shop


def streams_of(shop: Shop) -> dict[UUID, set[str]]:
    """The event types of each stream, read from the log without keys."""
    found: dict[UUID, set[str]] = {}
    for line in shop.log.read(0, 1_000):
        found.setdefault(line.stream, set()).add(line.type)
    return found


def ids_derived_from(customer: str) -> set[UUID]:
    """All stream ids that can be derived from the customer id without the keys."""
    subjects = [unsealed_subject_of(customer), MemoryKeys().subject_of(customer)]
    told = [customer, f"customer\n{customer}"]
    return {
        *(
            uuid5(space, text)
            for space in (CUSTOMERS_NAMESPACE, LEDGERS_NAMESPACE, NAMESPACE_URL)
            for text in told
        ),
        *map(customer_stream, subjects),
        *map(ledger_of_customer, subjects),
    }


def test_no_stream_id_can_be_derived_from_a_customer_id() -> None:
    shop = shop_with_two_orders("c-9")
    streams = streams_of(shop)
    assert not ids_derived_from("c-9") & streams.keys()
    subject = shop.log.subject_of("c-9")
    assert streams[customer_stream(subject)] == {"customer.ordered"}
    assert streams[ledger_of_customer(subject)] == {"ledger.adjustment_entered"}


def test_with_the_keys_orders_of_a_customer_are_compared() -> None:
    shop = shop_with_two_orders("c-9")
    assert [case.order for case in shop.found() if case.kind == "duplicate_order"] == ["o-2"]
    last = shop.of("o-2").adjustments.items[-1]
    assert last.requirement.counted == "80.00", "what was asked for in the other order counts"
    others = shop_with_two_orders("c-9").log.subject_of("c-9")
    assert others != shop.log.subject_of("c-9"), "another log's keys name them otherwise"
