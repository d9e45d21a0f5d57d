"""The text of an error on the command line: the detail does not repeat the title."""

from typing import Any

import pytest

from api.commands.api_client import problem_error
from api.commands.error_text import join_title


@pytest.mark.parametrize(
    ("title", "detail", "text"),
    [
        ("There is no such hold.", "hold 3", "There is no such hold: hold 3"),
        ("The key is unusable.", "Key K is unknown.", "The key is unusable. Key K is unknown."),
        ("The log is halted.", "", "The log is halted."),
        (
            "No order of this customer is known.",
            "no order of this customer is known; it was erased on 2026-01-01",
            "No order of this customer is known; it was erased on 2026-01-01",
        ),
    ],
)
def test_title_and_detail_are_joined_without_repetition(title: str, detail: str, text: str) -> None:
    assert join_title(title, detail) == text


FAULT = {"pointer": "/type", "detail": "'x' is not known. Known are: a, b"}
DUPLICATED = {
    "title": "Not valid.",
    "detail": "signal: /type: 'x' is not known.",
    "errors": [FAULT],
}
PARAMETER = {"parameter": "limit", "detail": "unknown"}
MALFORMED = {"title": "A parameter is wrong.", "detail": "limit: unknown", "errors": [PARAMETER]}


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (DUPLICATED, "Not valid.\n  /type: 'x' is not known. Known are: a, b"),
        (MALFORMED, "A parameter is wrong: limit: unknown"),
    ],
)
def test_a_problem_of_the_api_names_each_fault_once(problem: dict[str, Any], text: str) -> None:
    assert problem_error(problem).message == text
