"""Notices: what is odd about a statement that is kept all the same, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from domain.orders.content import OrderContent


class Notice(Struct, frozen=True, kw_only=True):
    """Something odd about a statement that is kept: what, where, and what to do."""

    signal: str
    """The statement's key, `source/id`."""
    pointer: str
    """The JSON Pointer of the field."""
    detail: str

    @staticmethod
    def unknown_line(signal: str, pointer: str, piece: Any, content: OrderContent) -> Notice:
        name = getattr(piece, "line", None) or getattr(piece, "sku", None)
        known = ", ".join(line.id for line in content.lines[:10]) or "none"
        return Notice(
            signal=signal,
            pointer=pointer,
            detail=f"the order has no line {name}; its lines are: {known}. Correct the line, or send an "
            "order.edited that has it",
        )

    @staticmethod
    def other_currency(signal: str, content: OrderContent) -> Notice:
        return Notice(
            signal=signal,
            pointer="",
            detail=f"its amounts are not in {content.currency} as the rest of the order: they do not count. "
            "Send the edit again in that currency, or with all lines, charges, discounts, total and tax in "
            "the new one",
        )

    @staticmethod
    def too_many(signal: str, pointer: str, line: str, excess: int) -> Notice:
        return Notice(
            signal=signal,
            pointer=f"{pointer}/quantity",
            detail=f"{excess} more pieces of line {line} than the order has; they count for nothing. "
            "Replace the statement, or send an order.edited with more pieces",
        )
