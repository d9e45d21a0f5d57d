"""The text of an error on the command line: the detail does not repeat the title."""

import pytest

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
