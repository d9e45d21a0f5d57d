"""Plausible bugs in pulls, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

DESK: Final = "application/sources/pull_desk.py"
LISTED: Final = "application/sources/listed_deliveries.py"
CLIENT: Final = "infrastructure/pulls/client.py"
ANSWERS: Final = "infrastructure/pulls/answers.py"
LISTING: Final = "infrastructure/pulls/listing.py"
ADDRESSES: Final = "infrastructure/pulls/addresses.py"
PULLS: Final = "tests/sources/test_pulls.py"
FAILING: Final = "tests/sources/test_pulls_that_fail.py"
COMPARED: Final = "tests/sources/test_pulls_compare.py"
CHANGING: Final = "tests/sources/test_pulls_of_changing_sources.py"
BESIDE: Final = "tests/sources/test_pulls_side_by_side.py"
SLOW: Final = "tests/sources/test_pulls_of_slow_systems.py"
ODD: Final = "tests/sources/test_pulls_of_odd_answers.py"
ENDS: Final = "tests/domain/test_source_pulls.py"

PULL_BUGS: Final = (
    Bug(
        "what is known is kept again by each pull",
        LISTED,
        "new = [one for one in results(receipts) if not one[2].is_known]",
        "new = [*results(receipts)]",
        f"{PULLS}::test_what_came_by_webhook_is_known",
    ),
    Bug(
        "an event that was not understood is kept again by its pull",
        LISTED,
        "and (new > 0 or piece.came.id not in before)",
        "",
        "tests/sources/test_pulls_of_shops.py::test_lost_events_of_stripe_are_fetched",
    ),
    Bug(
        "the secret goes to another host",
        CLIENT,
        "if _origin(url) != _origin(self.address) or url.userinfo:",
        "if url.userinfo:",
        f"{FAILING}::test_the_secret_never_goes_to_another_host",
    ),
    Bug(
        "redirects are followed",
        CLIENT,
        "follow_redirects=False",
        "follow_redirects=True",
        f"{FAILING}::test_a_pull_that_cannot_go_on_says_why",
    ),
    Bug(
        "the service's own network is asked",
        ADDRESSES,
        "if not is_named and not _is_public(address):",
        "if not is_named and address == '169.254.169.254':",
        f"{FAILING}::test_only_public_addresses_are_asked_unless_the_operator_names_the_host",
    ),
    Bug(
        "only the first address of a name is checked",
        ADDRESSES,
        "    for address in found:\n        if not is_named",
        "    for address in found[:1]:\n        if not is_named",
        "tests/sources/test_pull_addresses.py::test_a_name_that_leads_to_our_own_network_is_refused",
    ),
    Bug(
        "a gateway of IPv6 leads to our own network",
        ADDRESSES,
        "        if any(address in network for network in _SAYS_IPV4):\n",
        "        if address in _SAYS_IPV4[0]:\n",
        "tests/sources/test_pull_addresses.py::test_a_public_address_in_an_ipv6_address_is_allowed",
    ),
    Bug(
        "a mapped address is judged by itself alone",
        ADDRESSES,
        "            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)\n",
        "            return True\n",
        "tests/sources/test_pull_addresses.py::test_a_private_address_in_an_ipv6_address_is_refused",
    ),
    Bug(
        "a 6to4 address is judged by itself alone",
        ADDRESSES,
        "            address = address.sixtofour\n",
        "            pass\n",
        "tests/sources/test_pull_addresses.py::test_a_private_address_in_an_ipv6_address_is_refused",
    ),
    Bug(
        "an agent gives a source another secret",
        "domain/permissions.py",
        "        Permission.MANAGE_SOURCES,\n        Permission.ACCEPT_LOSS,\n",
        "        Permission.ACCEPT_LOSS,\n",
        "tests/sources/test_sources_and_agents.py::test_an_agent_changes_nothing_of_a_source",
    ),
    Bug(
        "a limit is not obeyed",
        CLIENT,
        "seconds = found.seconds or pause",
        "seconds = 0.0",
        f"{FAILING}::test_what_passes_is_waited_for",
    ),
    Bug(
        "an answer has no end",
        CLIENT,
        "                    if size > LARGEST_PAGE:\n",
        "                    if size > LARGEST_PAGE << 10:\n",
        f"{FAILING}::test_a_pull_that_cannot_go_on_says_why",
    ),
    Bug(
        "an answer that drips is waited for",
        CLIENT,
        "lambda: self._read(client, url), self._patience.answer,",
        "lambda: self._read(client, url), self._patience.answer * 10,",
        f"{SLOW}::test_an_answer_that_drips_ends_in_time_wherever_it_is",
    ),
    Bug(
        "a request that is given up goes on",
        ADDRESSES,
        "                self._socket.shutdown(socket.SHUT_RDWR)\n",
        "                pass\n",
        f"{SLOW}::test_an_answer_that_drips_ends_in_time_wherever_it_is",
    ),
    Bug(
        "a connection that was cut is used again",
        CLIENT,
        "            self._open()\n\n        return exchange(",
        "\n        return exchange(",
        f"{SLOW}::test_a_system_that_was_cut_off_is_asked_again_on_another_connection",
    ),
    Bug(
        "a pull stops only when the system has answered",
        "infrastructure/pulls/exchange.py",
        "            if must_stop():\n",
        "            if False:\n",
        f"{SLOW}::test_a_pull_stops_while_a_system_keeps_it_waiting",
    ),
    Bug(
        "a pull stops only when a page is recorded",
        DESK,
        "            if wait(0):\n                raise PullStopped\n",
        "",
        f"{SLOW}::test_a_large_page_is_not_recorded_to_its_end_once_the_pull_must_stop",
    ),
    Bug(
        "a secret that a system repeats is recorded",
        ANSWERS,
        'text = text.replace(form, "[secret]")',
        "text = text.strip()",
        f"{ODD}::test_a_system_that_repeats_our_secret_does_not_get_it_recorded",
    ),
    Bug(
        "the data of a customer is in the result of a pull",
        ANSWERS,
        "if answer.status == 200 and text.startswith(_MAYBE_JSON):",
        "if answer.status == 100:",
        f"{ODD}::test_the_result_says_what_came_and_what_to_do",
    ),
    Bug(
        "a clock of 1970 is believed",
        LISTING,
        "if at < self._request.until + grace - FARTHEST_BEHIND:",
        "if at == self._request.until:",
        f"{ODD}::test_a_clock_that_cannot_be_is_not_believed",
    ),
    Bug(
        "a page that repeats is read for ever",
        LISTING,
        "if items and digest in seen:",
        "if not items and digest in seen:",
        f"{FAILING}::test_pages_that_do_not_end_are_noticed[_Repeating-page]",
    ),
    Bug(
        "two processes pull one source",
        "infrastructure/pulls/locks.py",
        "is_mine = bool(row and row[0])",
        "is_mine = bool(row)",
        f"{BESIDE}::test_one_process_pulls_a_source_at_a_time",
    ),
    Bug(
        "a pull reads with the mapping that it began with",
        DESK,
        "            source = self._to_be_pulled(begun)\n",
        "            source, _ = begun, self._to_be_pulled(begun)\n",
        f"{CHANGING}::test_a_mapping_that_is_approved_meanwhile_reads_the_next_page",
    ),
    Bug(
        "a pull of a paused source goes on",
        DESK,
        "        if source.paused_for is not None:\n            detail =",
        "        if False:\n            detail =",
        f"{CHANGING}::test_the_source_is_looked_at_before_each_transaction_of_a_large_page",
    ),
    Bug(
        "a pull that waits does not look at its source",
        DESK,
        "                self._to_be_pulled(source)\n",
        "                pass\n",
        f"{CHANGING}::test_a_pull_that_waits_notices_that_its_source_is_paused",
    ),
    Bug(
        "a pull goes on with the secret before",
        DESK,
        "return settings.document, settings.address, settings.secret",
        "return settings.document, settings.address, None",
        f"{CHANGING}::test_a_pull_ends_where_its_settings_are_changed",
    ),
    Bug(
        "a source is locked until the server notices that its pull has ended",
        "infrastructure/pulls/locks.py",
        'connection.execute(f"SELECT pg_advisory_unlock({_NAME})", (source,))',
        "connection.rollback()",
        f"{BESIDE}::test_a_source_is_free_as_soon_as_its_pull_has_ended",
    ),
    Bug(
        "a pull that failed counts as complete",
        DESK,
        "is_complete = end.end is PullEnd.COMPLETE",
        "is_complete = True",
        f"{FAILING}::test_a_pull_that_cannot_go_on_says_why",
    ),
    Bug(
        "a pull that leaves a gap moves the end",
        "domain/sources/pulls.py",
        "if since > (known or settings.begun_at):",
        "if known is not None and since > until:",
        f"{ENDS}::test_a_pull_that_leaves_a_gap_does_not_move_the_end",
    ),
    Bug(
        "pulls do not overlap",
        "domain/sources/pulls.py",
        "return (self.complete_until or settings.begun_at) - OVERLAP",
        "return self.complete_until or settings.begun_at",
        f"{ENDS}::test_the_next_pull_overlaps_the_last_one",
    ),
    Bug(
        "what is too young is taken from its webhook",
        LISTING,
        "since <= one.at <= until",
        "since <= one.at",
        f"{PULLS}::test_what_is_too_young_is_left_to_its_webhook",
    ),
    Bug(
        "a clock that is behind ours loses items",
        LISTING,
        "self._until = min(self._until, at - grace)",
        "self._until = max(self._until, at - grace)",
        f"{COMPARED}::test_the_clock_of_the_system_counts_where_it_is_behind_ours",
    ),
    Bug(
        "an overlap settles the case of what is missing",
        DESK,
        "begin = max(since, state.complete_until or since) if result.is_known else since",
        "begin = since",
        f"{COMPARED}::test_what_is_missing_opens_a_case_and_a_list_that_agrees_settles_it",
    ),
    Bug(
        "what a failed pull fetched is said to have come",
        LISTED,
        "return ListedResult(is_missing=not by_webhook)",
        "return ListedResult()",
        f"{COMPARED}::test_a_pull_that_failed_settles_nothing_and_what_it_fetched_is_still_missing",
    ),
    Bug(
        "what came while the source was paused is missing",
        DESK,
        "    since = max(source.added_at, source.resumed_at or source.added_at)",
        "    since = source.added_at",
        f"{COMPARED}::test_what_is_older_than_the_source_or_its_pause_is_not_missing",
    ),
)
