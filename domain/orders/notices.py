"""Notices: what is odd about a statement that is kept all the same, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
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
        name, field = getattr(piece, "line", None), "lines"
        names = [line.id for line in content.lines]
        what = f"line {name}"
        if name is None:
            field, what = "skus", f"line with the sku {getattr(piece, 'sku', None)}"
            names = [line.line.sku for line in content.lines if line.line.sku]
        if content.placed is None:
            detail = (
                f"order.placed has not arrived yet, so the lines are not known: the {what} counts "
                "once order.placed has it"
            )
        elif not content.lines:
            detail = (
                f"no lines of the order were told yet, so the {what} counts for nothing. Send an "
                "order.edited with the lines"
            )
        else:
            known = (", ".join(names[:10]) or "none") + (" …" if len(names) > 10 else "")
            detail = (
                f"the order has no {what}; its {field} are: {known}. Correct it, or send an "
                "order.edited that has it"
            )
        return Notice(signal=signal, pointer=pointer, detail=detail)

    @staticmethod
    def unknown_payment(signal: str, payment: str, known: Iterable[str]) -> Notice:
        return Notice(
            signal=signal,
            pointer="/payment",
            detail=f"the order has no payment {payment} yet; its payments are: "
            f"{', '.join(known) or 'none'}. Correct the payment or the order, or send the capture that "
            "is missing",
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

    @staticmethod
    def left_already(signal: str, line: str, pieces: int) -> Notice:
        return Notice(
            signal=signal,
            pointer="/lines",
            detail=f"of line {line}, {pieces} had left when this edit took them from the order: they are "
            "its `surplus` until they are back. If the customer sends them back, send return.authorized; if "
            "they belong to the order, replace the statement",
        )

    @staticmethod
    def empty_line(signal: str, pointer: str, line: str) -> Notice:
        return Notice(
            signal=signal,
            pointer=f"{pointer}/quantity",
            detail=f"0 pieces of line {line}: nothing of it is sent or charged. Give the number of its pieces, "
            "or leave the line out",
        )

    @staticmethod
    def no_pieces(signal: str, pointer: str, line: str) -> Notice:
        return Notice(
            signal=signal,
            pointer=f"{pointer}/quantity",
            detail=f"0 pieces of line {line} count for nothing. Give their number, or leave `quantity` out to "
            "mean all of them",
        )
