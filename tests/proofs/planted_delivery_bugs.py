"""Plausible bugs in what operators see of deliveries and do about them, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

DETAILS: Final = "application/sources/delivery_details.py"
SETTLED: Final = "tests/sources/test_settled_deliveries.py"
REFUSED: Final = "tests/sources/test_refused_webhooks.py"
ONE: Final = "tests/sources/test_one_delivery.py"
EVENTS: Final = "application/sources/delivery_events.py"
AGAIN: Final = "application/sources/deliveries_again.py"
RECORDED: Final = "application/sources/recorded_signals.py"
SENT_AGAIN: Final = "tests/sources/test_read_again_and_sent_again.py"
ERASURE: Final = "tests/sources/test_read_again_after_an_erasure.py"
CODES: Final = "tests/sources/test_codes_that_are_one.py"
NAMES: Final = "tests/sources/test_names_of_deliveries.py"

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
        "settled=self.settled if is_same(self.reasons, event.reasons) else None",
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
        "the body alone names a delivery",
        EVENTS,
        "return delivery_stream(source, self.id, self.content)",
        "return self.stream(source)",
        f"{NAMES}::test_one_body_with_other_headers_or_another_query_is_another_delivery",
    ),
    Bug(
        "a delivery is another one when a proxy numbers its requests",
        EVENTS,
        "if not _OF_ONE_REQUEST.fullmatch(one[0])",
        "if one[0]",
        f"{NAMES}::test_what_a_proxy_adds_to_a_request_makes_no_other_delivery",
    ),
    Bug(
        "each attempt of a sender is a delivery of its own",
        EVENTS,
        "digest if name else _content_of(raw)",
        "_content_of(raw)",
        f"{NAMES}::test_an_attempt_of_its_own_time_is_known_by_the_id_of_its_sender",
    ),
    Bug(
        "an erased delivery of an older log is kept again",
        EVENTS,
        'return kept.taken.delivery in (self.id, f"sha256:{self.digest}")',
        "return kept.taken.delivery == self.id",
        f"{NAMES}::test_an_erased_delivery_of_an_older_log_does_not_come_back",
    ),
    Bug(
        "what says the same as a newer reading is refused",
        RECORDED,
        "if arrival.signal.id in restated or _differs_only_in",
        "if _differs_only_in",
        f"{SENT_AGAIN}::test_what_says_the_same_as_the_newest_reading_is_known",
    ),
    Bug(
        "a delivery that came after a newer reading does not follow the mapping back",
        "domain/sources/deliveries.py",
        "statements={first: (first, newest) for first, newest in taken.restated},",
        "statements={},",
        f"{SENT_AGAIN}::test_what_says_the_same_as_the_newest_reading_is_known",
    ),
    Bug(
        "the newer reading of a parcel without an order is not looked for",
        "application/orders/held.py",
        "near = self._placements.held_near(signal)",
        "near: list[Signal] = []",
        f"{SENT_AGAIN}::test_the_newest_reading_is_known_of_a_parcel_that_no_order_has_yet",
    ),
    Bug(
        "a held signal counts as new each time it is read",
        RECORDED,
        "return receipt.held is not None and receipt.held.held_at == now",
        "return receipt.held is not None",
        f"{SENT_AGAIN}::test_what_gives_nothing_new_is_recorded_once_for_each_mapping",
    ),
    Bug(
        "what was erased comes back when it is read again",
        AGAIN,
        "        if erased is not None:\n",
        "        if erased is not None and not read.signals:\n",
        f"{ERASURE}::test_an_unread_delivery_of_an_erased_order_is_skipped_and_goes_with_a_further_erasure",
    ),
    Bug(
        "an unread order of an erased customer comes back",
        "application/sources/erased_orders.py",
        'return "its customer" if erased else None',
        "return None",
        f"{ERASURE}::test_an_unread_order_of_an_erased_customer_is_skipped",
    ),
    Bug(
        "what came after an erasure is lost",
        "application/sources/erased_orders.py",
        " and line.recorded_at >= since:",
        ":",
        f"{ERASURE}::test_what_came_after_an_erasure_is_read",
    ),
    Bug(
        "a list brings back what was erased",
        "application/sources/listed_deliveries.py",
        "return self._erased.find(names, piece.read.signals, since) is not None",
        "return not names and since > datetime.now(UTC)",
        f"{ERASURE}::test_a_list_brings_back_nothing_that_was_not_changed_since_it_was_erased",
    ),
    Bug(
        "codes in other letters open cases of their own",
        "domain/sources/unread_codes.py",
        "return code[0], fold_code(code[1])",
        "return code",
        f"{CODES}::test_codes_that_differ_in_case_and_blanks_open_one_case",
    ),
    Bug(
        "a code that a table writes with more blanks is never found",
        "infrastructure/mappings/reading.py",
        "{fold_code(code): meaning for code",
        "{code.casefold(): meaning for code",
        f"{CODES}::test_the_case_is_cleared_however_the_code_was_written",
    ),
    Bug(
        "a mapping that states nothing clears the case of a code",
        "application/sources/delivery_codes.py",
        "if fold_code(one[1]) in read_now]",
        "if fold_code(one[1]) not in still]",
        f"{CODES}::test_a_mapping_that_lists_no_such_code_clears_nothing",
    ),
    Bug(
        "a code is forgotten once a mapping states nothing",
        "domain/sources/deliveries.py",
        "dict.fromkeys([*self.codes, *codes_of(event.reasons)])",
        "codes_of(event.reasons)",
        f"{CODES}::test_a_mapping_that_lists_no_such_code_clears_nothing",
    ),
    Bug(
        "anybody states signals in the name of a source",
        "api/routes/signals.py",
        "item.source not in sources",
        "item.source in sources",
        "tests/sources/test_signals_in_the_name_of_a_source.py::test_an_integrator_states_nothing_in_the_name_of_a_source",
    ),
    Bug(
        "a source that was added a moment ago has no name yet",
        "application/sources/source_desk.py",
        "        finally:\n            self._asked_at = -math.inf\n",
        "        finally:\n            pass\n",
        "tests/sources/test_signals_in_the_name_of_a_source.py::test_an_integrator_states_nothing_in_the_name_of_a_source",
    ),
    Bug(
        "nobody is told where a system has to name the order",
        "infrastructure/mappings/remedies.py",
        'if not order or "order" in document',
        'if order or "order" in document',
        "tests/mappings/test_shipped_documents.py::test_a_ticket_without_an_order_says_where_the_order_has_to_be",
    ),
    Bug(
        "long ids that begin with the same are one statement",
        "domain/orders/short_ids.py",
        'return f"{id[: longest - _DIGITS - 1]}~{digest}"',
        "return id[:longest]",
        f"{SENT_AGAIN}::test_long_ids_that_begin_with_the_same_stay_two_statements",
    ),
    Bug(
        "what stands beside a helper is passed over",
        "infrastructure/mappings/values.py",
        'node = {**node, "$code": {key',
        'node = {"$code": {key',
        "tests/mappings/test_documents.py::test_a_helper_where_it_means_nothing_is_refused",
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
        "tests/sources/test_addresses_that_are_set.py::test_an_address_of_the_own_network_is_refused_when_it_is_set",
    ),
)
