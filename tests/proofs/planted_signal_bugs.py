"""Plausible bugs in what senders of signals are told."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

DRAFT = "application/log/draft_log.py"
EVENTS = "api/http/cloud_events.py"
READING, ERRORS = "tests/api/test_cloud_events.py", "tests/api/test_cloud_event_errors.py"
DRY_RUNS = "tests/application/test_dry_runs.py"
DRY_ROUTE = "tests/api/test_dry_runs.py"

SIGNAL_BUGS = (
    Bug(
        "a dry run reads orders without what it would record of them",
        "api/intake.py",
        "        orders, cases, ledgers = streams.orders(draft), streams.cases(draft), streams.ledgers(draft)\n",
        "        orders, cases, ledgers = streams.orders(log), streams.cases(draft), streams.ledgers(draft)\n",
        DRY_RUNS,
    ),
    Bug(
        "a dry run mixes in what others record meanwhile",
        DRAFT,
        "        return self._by_stream(row for row in rows if row[0] <= self.base)\n",
        "        return self._by_stream(rows)\n",
        DRY_RUNS,
    ),
    Bug(
        "a dry run does not find the references that its own signals teach",
        DRAFT,
        "        return [*dict.fromkeys([*super().references(wanted), *own])]\n",
        "        return [*dict.fromkeys([*own[:0], *super().references(wanted)])]\n",
        DRY_RUNS,
    ),
    Bug(
        "a dry run makes the secret of the key store",
        DRAFT,
        "self.seals.find_subject_of(customer)",
        "self.seals.subject_of(customer)",
        f"{DRY_ROUTE}::test_the_first_personal_data_of_a_service_makes_no_key",
    ),
    Bug(
        "a dry run of a halted log says that signals would be recorded",
        "api/composition.py",
        "        self.log.append([])  # stores nothing, and checks the log\n",
        "",
        f"{DRY_ROUTE}::test_a_log_that_takes_no_signals_gives_no_dry_answer",
    ),
    Bug(
        "an idempotency key of a dry run is ignored",
        "api/routes/signals.py",
        "    if key is not None:\n        detail",
        "    if key == '':\n        detail",
        f"{DRY_ROUTE}::test_an_idempotency_key_is_refused",
    ),
    Bug(
        "a dry run is split among the processes",
        "api/http/signal_partitions.py",
        '        if is_part or scope["query_string"]:\n',
        '        if is_part or b"dry_run" in scope["query_string"]:\n',
        "tests/api/test_signal_partitions.py::test_a_dry_run_is_not_split",
    ),
    Bug(
        "an event's source wins over the one that its signal states",
        EVENTS,
        "    document = {**filling, **data}\n",
        "    document = {**data, **filling, 'source': given['source']}\n",
        READING,
    ),
    Bug(
        "an event that contradicts its signal is taken",
        EVENTS,
        "        if told != data[field]:\n",
        "        if told != data[field] and name == 'id':\n",
        f"{ERRORS}::test_a_contradiction_names_both_values",
    ),
    Bug(
        "the time of an event is not compared with that of its signal",
        EVENTS,
        "    differing += _other_time(given, data, signal)\n",
        "",
        f"{ERRORS}::test_a_contradiction_names_both_values",
    ),
    Bug(
        "header values are decoded twice",
        EVENTS,
        "        return unquote_to_bytes(text).decode()\n",
        "        return unquote_to_bytes(unquote_to_bytes(text)).decode()\n",
        f"{READING}::test_header_values_are_unquoted_and_decoded_once",
    ),
    Bug(
        "bytes that are no UTF-8 are replaced in a header value",
        EVENTS,
        "        return unquote_to_bytes(text).decode()\n",
        "        return unquote_to_bytes(text).decode(errors='replace')\n",
        f"{ERRORS}::test_headers_that_are_no_attributes",
    ),
    Bug(
        "the body of an event in binary mode can add attributes",
        EVENTS,
        "            msgspec.json.decode(data)\n",
        "            data.decode()\n",
        f"{ERRORS}::test_a_body_that_is_no_json_changes_no_attribute",
    ),
    Bug(
        "an event's extension attributes are ignored",
        EVENTS,
        "        elif name not in _KNOWN and name not in _OF_TRANSPORT:\n",
        "        elif name not in _KNOWN and name.isupper():\n",
        ERRORS,
    ),
    Bug(
        "a sender of events sets what the service sets",
        EVENTS,
        "        if name in data:\n",
        "        if name in data and name.isupper():\n",
        ERRORS,
    ),
    Bug(
        "the key of an event in binary mode stands for any event with that data",
        "api/routes/signals.py",
        "    keyed = keyed_request_of(request, content, key)\n",
        "    keyed = keyed_request_of(request, body, key)\n",
        f"{READING}::test_a_retry_in_binary_mode_gets_the_first_answer",
    ),
)
