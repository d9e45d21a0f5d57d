"""Texts that everything downstream can hold: no control characters.

A NUL can be told in JSON and cannot be kept in a database's text; a line break in a name breaks
every line-based tool. Python's `$` also matches before a last line break, so patterns end in `END`.
Halves of characters (lone surrogates) are refused where JSON is decoded and where a policy is
read: a pattern that names them is valid for no other tool than Python's.
"""

from typing import Annotated, Final

from msgspec import Meta

PATTERN_END: Final = r"(?!\n)$"
_ONE_LINE: Final = r"[^\x00-\x1f\x7f]"
_LINES: Final = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


def one_line(most: int, least: int = 0) -> Meta:
    """A text on one line, of so many characters."""
    return Meta(min_length=least, max_length=most, pattern=f"^{_ONE_LINE}*{PATTERN_END}")


def lines(most: int, least: int = 0) -> Meta:
    """A text of several lines, of so many characters."""
    return Meta(min_length=least, max_length=most, pattern=f"^{_LINES}*$")


Text = Annotated[str, one_line(500)]
