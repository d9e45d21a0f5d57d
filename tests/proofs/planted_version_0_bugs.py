"""Planted bugs that bring back what version 0 did."""

from typing import Final

from tests.proofs.planted_bugs import Bug

VERSION_0_BUGS: Final = (
    Bug(
        "the order of members makes another request",
        "api/http/responses.py",
        'msgspec.json.encode(msgspec.json.decode(self.body), order="sorted")',
        "msgspec.json.encode(msgspec.json.decode(self.body))",
        "tests/api/test_idempotency_keys.py::test_the_order_of_members_and_spaces_make_no_other_request",
    ),
    Bug(
        "evidence that nobody cited is unchanged",
        "application/audit/evidence.py",
        "    return True if found and found <= _COMPARED else None\n",
        "    return True if found <= _COMPARED else None\n",
        "tests/api/test_evidence_integrity.py::test_a_case_without_evidence_says_that_there_is_none",
    ),
    Bug(
        "durations are bare seconds in words",
        "api/routes/questions/words.py",
        "format_duration(timedelta(seconds=seconds))",
        'f"{seconds:g}"',
        "tests/audit/test_golden_answers_on_people_and_money.py::test_durations_are_shown_with_units",
    ),
    Bug(
        "browsers may guess the type of an answer",
        "api/http/compression.py",
        '(b"x-content-type-options", b"nosniff")',
        '(b"x-content-type-options", b"")',
        "tests/api/test_compression.py",
    ),
    Bug(
        "the head of a request has no time limit",
        "api/http/single_write.py",
        "self.loop.call_later(HEAD_SECONDS, self._end_slow_request)",
        "self.loop.call_later(3_600, self._end_slow_request)",
        "tests/api/test_slow_clients.py",
    ),
    Bug(
        "a request that was handed on waits without a deadline",
        "api/http/process_client.py",
        "asyncio.timeout(DEADLINE_SECONDS)",
        "asyncio.timeout(30)",
        "tests/api/test_process_client.py::test_an_answer_that_is_not_whole_within_two_seconds_is_no_answer",
    ),
    Bug(
        "ids of customers are compared as they are spelled",
        "domain/adjustments/identities.py",
        "        for char in _folded(text)\n",
        "        for char in text\n",
        "tests/domain/test_identities.py::test_six_spellings_of_an_id_are_one",
    ),
    Bug(
        "the case of what was given beyond the capture is not looked for",
        "application/audit/given_back.py",
        "            case=cases.get(key, next(iter(cases.values()), None)),\n",
        "            case=None,\n",
        "tests/audit/test_what_was_given_back.py",
    ),
)
