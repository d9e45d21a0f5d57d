"""Plausible bugs in the record of refused requests, and the tests that must catch them."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

COUNTED = "tests/application/test_access_refusals.py"
ANSWERED = "tests/api/test_refused_requests.py"

COUNTING = "application/people/access_refusals.py"
NOTING = "api/http/refused_requests.py"

LISTED = "tests/api/test_refused_requests.py::test_refused_requests_are_listed_by_principal_and_day"
ACCESS_BUGS = (
    Bug(
        "anybody lists the refused requests of all",
        "api/routes/refusals.py",
        "needs=Permission.READ_PEOPLE",
        "needs=Permission.KNOW_ONESELF",
        "tests/api/test_refused_requests.py::test_only_who_reads_people_lists_refused_requests",
    ),
    Bug(
        "refused requests are listed by one name of a person alone",
        "api/routes/refusals.py",
        "desks.people.person(person).known_as",
        "{desks.people.person(person).name}",
        LISTED,
    ),
    Bug(
        "a read out of scope is not recorded",
        NOTING,
        "(error.lacks is None and STATUS.get(type(error)) != 403)",
        "STATUS.get(type(error)) != 403",
        ANSWERED,
    ),
    Bug(
        "the address of a refused request is recorded",
        NOTING,
        'scope["path_template"]',
        'scope["path"]',
        ANSWERED,
    ),
    Bug(
        "what waits is lost when the service ends",
        "api/http/refusal_recorder.py",
        "        recorder.join()\n        record(everything=True)",
        "        recorder.join()",
        ANSWERED,
    ),
    Bug(
        "the next refusals of a principal are recorded as soon as the first",
        COUNTING,
        "counted.key, WINDOW_SECONDS)\n                        taken",
        "counted.key, FIRST_SECONDS)\n                        taken",
        COUNTED,
    ),
    Bug(
        "refusals that could not be recorded are dropped",
        COUNTING,
        "self._keep(dict(due[number:]))",
        "self._keep(dict(due[:number]))",
        COUNTED,
    ),
    Bug(
        "memory grows with the principals that are refused",
        COUNTING,
        "whose not in self._counted and len(self._counted) >= self._most_principals",
        "whose not in self._counted and not self._most_principals",
        COUNTED,
    ),
    Bug(
        "a refused request is counted only for the person, and not for the delegate",
        "application/audit/refused_requests.py",
        "for name in event.by.persons:",
        "for name in event.by.persons[:1]:",
        "tests/audit/test_refused_requests_in_answers.py",
    ),
)
