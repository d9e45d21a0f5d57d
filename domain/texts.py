"""Types of text without control characters, which every tool downstream can store.

JSON can carry a NUL that PostgreSQL text cannot store; a line break in a name breaks line-based tools.
Python's `$` also matches before a last line break, so patterns end in `PATTERN_END`. Lone surrogates
are rejected where JSON is decoded and where a policy is read: only Python accepts a pattern that
names them.
"""

from typing import Annotated, Final

from msgspec import Meta

from domain.personal_data import PERSONAL

PATTERN_END: Final = r"(?!\n)$"
_ONE_LINE: Final = r"[^\x00-\x1f\x7f]"
_ON_ONE_LINE: Final = {"must_be": "one line without control characters"}
_OF_LINES: Final = {"must_be": "text without control characters"}
_LINES: Final = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


def form(pattern: str, must_be: str, description: str | None = None) -> Meta:
    """The constraint of a text. `must_be` says in error messages what the pattern means."""
    regex = f"^{pattern}{PATTERN_END}"
    return Meta(pattern=regex, description=description, extra={"must_be": must_be})


def one_line(most: int, least: int = 0) -> Meta:
    """The constraint of a text on one line, with its length in characters."""
    return Meta(
        min_length=least, max_length=most, pattern=f"^{_ONE_LINE}*{PATTERN_END}", extra=_ON_ONE_LINE
    )


def lines(most: int, least: int = 0) -> Meta:
    """The constraint of a text of several lines, with its length in characters."""
    return Meta(min_length=least, max_length=most, pattern=f"^{_LINES}*$", extra=_OF_LINES)


def secret(most: int, least: int = 0) -> Meta:
    """The constraint of a secret on one line. Errors do not repeat what was sent."""
    meta = one_line(most, least)
    return Meta(
        min_length=least,
        max_length=most,
        pattern=meta.pattern,
        extra={**_ON_ONE_LINE, "secret": True},
    )


Text = Annotated[str, one_line(500)]
Note = Annotated[str, lines(4000), PERSONAL]
RequiredNote = Annotated[str, lines(4000, least=1), PERSONAL]
"""A note that must not be empty."""
Owner = Annotated[str, one_line(64, least=1)]
"""The name of a team or a person."""
Digest = Annotated[str, form("[0-9a-f]{64}", "a SHA-256: 64 hexadecimal digits in lower case")]
"""A SHA-256, in hexadecimal."""
