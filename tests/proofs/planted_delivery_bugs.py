"""Plausible bugs in what operators see of deliveries and do about them, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

DETAILS: Final = "application/sources/delivery_details.py"
SETTLED: Final = "tests/sources/test_settled_deliveries.py"
REFUSED: Final = "tests/sources/test_refused_webhooks.py"
ONE: Final = "tests/sources/test_one_delivery.py"

DELIVERY_BUGS: Final = (
    Bug(
        "nobody knows who read the body of a delivery",
        DETAILS,
        "        add_personal_reads(kept.orders)\n",
        "",
        f"{ONE}::test_the_read_is_recorded_for_each_order_that_it_speaks_of",
    ),
    Bug(
        "a key without orders is shown the body of a delivery",
        DETAILS,
        "unpack(kept) if with_body else None",
        "unpack(kept)",
        f"{ONE}::test_a_key_without_orders_is_not_shown_the_body",
    ),
    Bug(
        "what was set aside hides another reason",
        "domain/sources/deliveries.py",
        "settled=self.settled if _is_same(self.reasons, event.reasons) else None",
        "settled=self.settled",
        f"{SETTLED}::test_another_reason_than_that_which_was_set_aside_is_listed_again",
    ),
    Bug(
        "the report hides another reason of what was set aside",
        "projections/deliveries.py",
        "settled=row.settled and row.reasons == _reasons(again.reasons)",
        "settled=row.settled",
        f"{SETTLED}::test_another_reason_than_that_which_was_set_aside_is_listed_again",
    ),
    Bug(
        "an agent sets a delivery aside",
        "application/sources/settled_deliveries.py",
        "if by.actor.is_agent:",
        "if by.actor.delegate:",
        f"{SETTLED}::test_an_agent_sets_nothing_aside",
    ),
    Bug(
        "the second person who sets a delivery aside counts",
        "application/sources/settled_deliveries.py",
        "[] if known else [write]",
        "[write]",
        f"{SETTLED}::test_set_aside_twice_the_first_reason_counts_and_nothing_is_recorded",
    ),
    Bug(
        "only wrong signatures are counted",
        "api/http/problems.py",
        "        return e.TooLarge\n    return e.MalformedBody if",
        "        return None\n    return e.MalformedBody if",
        f"{REFUSED}::test_what_is_refused_is_counted_by_its_reason",
    ),
    Bug(
        "strangers fill the log with sources that do not exist",
        "api/routes/webhooks.py",
        "    if service.desks.sources.known(source) is None:\n        return\n",
        "",
        f"{REFUSED}::test_nothing_is_counted_of_a_source_that_does_not_exist",
    ),
    Bug(
        "an address of the own network is accepted, and refused by each pull",
        "application/sources/source_desk.py",
        "        self._require_allowed(address)\n",
        "",
        "tests/sources/test_pull_addresses.py::test_an_address_of_the_own_network_is_refused_when_it_is_set",
    ),
)
