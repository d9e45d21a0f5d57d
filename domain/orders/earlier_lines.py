"""The lines of an order as earlier versions told them: what left then is counted by them."""

from datetime import datetime
from typing import Final

from msgspec import structs

from domain.orders.content import OrderContent, OrderLine, plain_lines
from domain.orders.signal_body import given

_KNOWN_VERSIONS: Final = "known_versions"
_KNOWN_WIDEST: Final = "known_widest"


def content_as_of(content: OrderContent, at: datetime) -> OrderContent:
    """The content with the lines that the order had at a time.

    It is the content itself if nobody had told the lines by then, or if a line has another name now.
    """
    told = [n for n, (moment, _) in enumerate(content.stated_lines) if moment <= at]
    if not told or told[-1] == len(content.stated_lines) - 1:
        return content
    known: dict[int, OrderContent] = content.__dict__.setdefault(_KNOWN_VERSIONS, {})
    if told[-1] not in known:
        known[told[-1]] = _with_lines_of(content, told[-1])
    return known[told[-1]]


def with_most_pieces(content: OrderContent) -> OrderContent:
    """The content with the most pieces that each line ever had; lines that edits removed come last."""
    if len(content.stated_lines) < 2:
        return content
    known: OrderContent | None = content.__dict__.get(_KNOWN_WIDEST)
    if known is None:
        found = {line.id: line for line in content.lines}
        for n in range(len(content.stated_lines)):
            for line in _with_lines_of(content, n).lines:
                most = found.get(line.id)
                if most is None or most.quantity < line.quantity:
                    found[line.id] = line
        known = structs.replace(content, lines=tuple(found.values()))
        content.__dict__[_KNOWN_WIDEST] = known
    return known


def _with_lines_of(content: OrderContent, version: int) -> OrderContent:
    at, stated = content.stated_lines[version]
    lines = plain_lines(stated)
    if not lines or any(_is_renamed(line, content) for line in lines):
        return content
    return structs.replace(content, lines=lines, lines_at=at if version else None)


def _is_renamed(line: OrderLine, content: OrderContent) -> bool:
    """Whether a line of an earlier version has another name now: one without an id may get one."""
    return (
        given(line.line.id) is None
        and content.line(line.id) is None
        and any(one.line.sku == line.line.sku for one in content.lines)
    )
