"""Bugs in what holds for all routes of the API: queries, methods, identifiers of requests, limits."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

SINGLE_WRITE = "api/http/single_write.py"
SLOW = "tests/api/test_slow_clients.py"
PATHS = "tests/api/test_strict_paths.py"
SERVE = "tests/cli/test_serve.py"
QUERY = "api/http/query_values.py"
REFUSES = "tests/api/test_query_values.py::test_a_route_refuses_what_its_parameters_do_not_take"
SEVERAL = "tests/api/test_list_filters.py::test_a_filter_takes_several_values"
HANDLER = "tests/api/test_request_ids.py::test_a_handler_knows_the_request"

HTTP_BUGS = (
    Bug(
        "a filter of `null` is no filter",
        QUERY,
        "        return None if value in words else not_one_of(value, words)\n",
        "        return None if value in (*words, 'null') else not_one_of(value, words)\n",
        REFUSES,
    ),
    Bug(
        "a path with bytes that are no UTF-8 names another thing",
        "api/http/paths.py",
        "unquote_to_bytes(raw).decode()",
        'unquote_to_bytes(raw).decode(errors="replace")',
        f"{PATHS}::test_the_replacement_character_names_itself_alone",
    ),
    Bug(
        "a query with bytes that are no UTF-8 names another thing",
        QUERY,
        'errors="strict")',
        'errors="replace")',
        f"{PATHS}::test_the_replacement_character_names_itself_alone",
    ),
    Bug(
        "a body may come as slowly as its sender likes",
        SINGLE_WRITE,
        "        if self._body_bytes < BODY_BYTES and not",
        "        if self._body_bytes < 0 and not",
        f"{SLOW}::test_a_body_that_comes_too_slowly_is_ended",
    ),
    Bug(
        "headers may be as long as their sender likes",
        SINGLE_WRITE,
        "        if self._is_in_head or self._is_in_body:\n",
        "        if self._is_in_body:\n",
        f"{SLOW}::test_a_request_without_end_is_ended",
    ),
    Bug(
        "trailers may be as long as their sender likes",
        SINGLE_WRITE,
        "        if self._is_in_head or self._is_in_body:\n",
        "        if self._is_in_head:\n",
        f"{SLOW}::test_a_request_without_end_is_ended",
    ),
    Bug(
        "a body that we do not take is its sender's fault",
        SINGLE_WRITE,
        " and not (self._was_paused or self.flow.read_paused):\n",
        ":\n",
        f"{SLOW}::test_a_body_that_we_do_not_take_is_not_the_clients_fault",
    ),
    Bug(
        "a NUL in a path reaches the database",
        "api/http/paths.py",
        "        if has_nul:\n",
        "        if has_nul is None:\n",
        f"{PATHS}::test_a_path_that_no_name_has_is_refused",
    ),
    Bug(
        "the framework replaces the set-up of the log",
        "api/app.py",
        "        logging_config=None,",
        "        ",
        f"{SERVE}::test_a_stranger_writes_no_lines_into_the_log",
    ),
    Bug(
        "a text of a stranger begins a line of the log",
        "infrastructure/process_log.py",
        "        return escaped(super().formatMessage(record))\n",
        "        return super().formatMessage(record)\n",
        f"{SERVE}::test_a_stranger_writes_no_lines_into_the_log",
    ),
    Bug(
        "the last of several values of a parameter counts",
        QUERY,
        "    elif len(values) > 1 and not parameter.takes_several:\n",
        "    elif not values and not parameter.takes_several:\n",
        REFUSES,
    ),
    Bug(
        "the pages after the first know only the last name of a filter",
        "api/http/query.py",
        '            name: ",".join(map(str, values))\n',
        "            name: str(values[-1])\n",
        SEVERAL,
    ),
    Bug(
        "of several names only the first is looked for",
        "infrastructure/reports/pages.py",
        "([str(one) for one in value],)",
        "([str(one) for one in value[:1]],)",
        SEVERAL,
    ),
    Bug(
        "Allow hides that HEAD is answered",
        "api/http/methods.py",
        '    return sorted([*found, "OPTIONS", *(["HEAD"] if "GET" in found else [])])\n',
        '    return sorted([*found, "OPTIONS"])\n',
        "tests/api/test_methods.py::test_a_page_allows_what_it_answers",
    ),
    Bug(
        "any text of a client goes into the log as its request's id",
        "api/http/request_ids.py",
        '            id = value if id is None and _is_sane_id(value) else b""\n',
        "            id = value\n",
        "tests/api/test_request_ids.py::test_an_id_that_could_harm_a_log_is_replaced",
    ),
    Bug(
        "log lines of handlers in threads name no request",
        "api/http/concurrency.py",
        "functools.partial(own.run, work, *args, **kwargs)",
        "functools.partial(work, *args, **kwargs)",
        HANDLER,
    ),
    Bug(
        "log lines of commands name no request",
        "infrastructure/event_loops.py",
        "        self.gr_context = contextvars.copy_context()\n",
        "        self.gr_context = contextvars.Context()\n",
        HANDLER,
    ),
    Bug(
        "all principals share one limit",
        "api/http/authentication.py",
        "    found = requests.count(who.actor.principal)\n",
        '    found = requests.count("all")\n',
        "tests/api/test_rate_limits.py::test_a_principal_that_sends_too_much_waits",
    ),
    Bug(
        "a command does not update its case",
        "projections/cases.py",
        "    now = replace(row, version=line.version, updated_at=at)\n",
        "    now = replace(row, version=line.version)\n",
        "tests/api/test_list_filters.py::test_a_command_updates_a_case",
    ),
    Bug(
        "a route ends on the day of its deprecation",
        "api/http/deprecation.py",
        "        if self.sunset - self.since < SHORTEST_NOTICE:\n",
        "        if self.sunset < self.since:\n",
        "tests/api/test_deprecation.py::test_a_route_does_not_end_before_the_promised_time",
    ),
    Bug(
        "the link to the next page hides the one to the deprecation",
        "api/http/compression.py",
        'one[0] not in given or one[0] == b"link"',
        "one[0] not in given",
        "tests/api/test_deprecation.py::test_the_link_to_the_next_page_stays",
    ),
    Bug(
        "a misspelt kind lists no case",
        "api/routes/known_names.py",
        "            if name not in ever:\n",
        "            if name in current:\n",
        "tests/application/test_known_names.py",
    ),
    Bug(
        "a kind of another policy of the log is called misspelt",
        "api/routes/known_names.py",
        "        ever = current.union(*earlier)\n",
        "        ever = current\n",
        "tests/application/test_known_names.py",
    ),
)
