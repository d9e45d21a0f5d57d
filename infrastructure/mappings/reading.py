"""One evaluation of a mapping document for a delivery."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from domain.orders.code_folding import fold_code
from infrastructure.mappings.amounts_and_times import ValueUnreadable
from infrastructure.mappings.expressions import Evaluation, Expression
from infrastructure.mappings.work import TooMuchWork

MOST_ITEMS = 10_000
"""Of one `$each`: more than any order has, and few enough to answer soon."""


LONGEST_CODE = 1_000
"""In characters: longer texts are compared with whole codes and their beginnings only."""

MOST_SIGNALS = 10_000
"""Of one delivery, such as a page of a list of orders."""


class UnknownCode(Struct, frozen=True, omit_defaults=True):
    """A code that its table, or the vocabulary of that name, does not list."""

    table: str
    code: str
    is_vocabulary: bool = False
    """It is one of casetrail's own: the document has no table of it."""

    @property
    def in_words(self) -> str:
        whose = "casetrail's vocabulary" if self.is_vocabulary else "the table"
        return f"{whose} {self.table} does not list the code {self.code!r}"


class Table:
    """Codes with their meanings; `*` in a code stands for any text."""

    def __init__(self, listed: Mapping[str, object]) -> None:
        self._exact = {fold_code(code): meaning for code, meaning in listed.items()}
        # The longest beginning is the closest.
        lengths = {len(code) - 1 for code in self._exact if code.find("*") == len(code) - 1}
        self._lengths = sorted(lengths - {-1, 0}, reverse=True)
        within = [code for code in self._exact if "*" in code[:-1]]
        self._within = [(code, code.split("*")) for code in sorted(within, key=len, reverse=True)]

    def find(self, code: str) -> tuple[bool, object]:
        """Whether the code is listed, and its meaning."""
        folded = fold_code(code)
        if folded not in self._exact:
            begins = (f"{folded[:length]}*" for length in self._lengths if length <= len(folded))
            found = next((one for one in begins if one in self._exact), None)
            if found is None and len(folded) <= LONGEST_CODE:
                found = next((one for one, parts in self._within if _fits(folded, parts)), None)
            if found is None and "*" in self._exact:
                found = "*"
            folded = folded if found is None else found
        return folded in self._exact, self._exact.get(folded)


def _fits(text: str, parts: Sequence[str]) -> bool:
    """Whether the text begins with the first part, ends with the last, and has the others between them, in order."""
    first, *between, last = parts
    end = len(text) - len(last)
    at = len(first)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in between:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


class Reading(Struct):
    """One evaluation of a document for a delivery, and what it met on the way."""

    evaluation: Evaluation
    tables: Mapping[str, Table]
    exponents: Mapping[str, int]
    unknown_codes: list[UnknownCode] = field(default_factory=list)
    read_codes: list[str] = field(default_factory=list)
    """Those that a table or a vocabulary lists, or that have an `otherwise`."""
    signals: int = 0

    def count_signal(self) -> None:
        """Counts one more signal of the delivery. Raises TooMuchWork."""
        self.signals += 1
        if self.signals > MOST_SIGNALS:
            raise TooMuchWork(f"it states more than {MOST_SIGNALS} signals: send it in parts")

    def spend(self, steps: int) -> None:
        """Raises TooMuchWork."""
        self.evaluation.account.spend(steps)


Evaluate = Callable[[Reading, object], Any]
"""From a reading and an item to plain data; None if it is absent. Raises ValueUnreadable, ExpressionFailed, TooMuchWork."""


def items_of(reading: Reading, of: Expression, item: object) -> list[Any] | None:
    """The items that an expression names, where one object counts as a list of it; None if it is absent.

    Raises ValueUnreadable if they are no list.
    """
    found = reading.evaluation.visit(of, item)
    if found is None:
        return None
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list):
        raise ValueUnreadable(f"`{of.text}` is no list")
    if len(found) > MOST_ITEMS:
        raise ValueUnreadable(f"`{of.text}` has {len(found)} items; at most {MOST_ITEMS} are read")
    return found


def items_within(reading: Reading, levels: Sequence[Expression], item: object) -> Iterator[Any]:
    """Each item of the innermost of nested lists; meanwhile, what it is in is its parent. Raises as items_of."""
    if not levels:
        yield item
        return
    for n, one in enumerate(items_of(reading, levels[0], item) or []):
        reading.spend(1)
        if len(levels) == 1:
            reading.evaluation.set_index(n)
            yield one
        else:
            reading.evaluation.enter(one)
            try:
                yield from items_within(reading, levels[1:], one)
            finally:
                reading.evaluation.leave()


def absent(reading: Reading, item: object) -> None:
    return None


def object_of(members: Mapping[str, Evaluate]) -> Evaluate:
    pairs = tuple(members.items())

    def members_of(reading: Reading, item: object) -> object:
        reading.spend(1)
        found = {}
        for name, part in pairs:
            if (value := part(reading, item)) is not None:
                found[name] = value
        return found or None

    return members_of


def list_of(parts: list[Evaluate]) -> Evaluate:
    """A list; a part that is a list itself, such as `$each`, adds its items."""

    def items(reading: Reading, item: object) -> object:
        reading.spend(1)
        found: list[object] = []
        for part in parts:
            one = part(reading, item)
            if one is not None:
                found += one if isinstance(one, list) else [one]
        return found or None

    return items
