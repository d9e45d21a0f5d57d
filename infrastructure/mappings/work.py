"""Limits what one reading of a delivery may cost.

JMESPath is small, and yet 1,000 characters of it can copy a text or a list a thousand billion times. So everything
that an expression does is paid from one account of a reading: a step for each part of an expression that is
evaluated, for each item of a list that is made or gone through, and for each 16 characters of a long text.
"""

import re
from typing import Any, Final

from jmespath.visitor import TreeInterpreter

MOST_STEPS: Final = 2_000_000
"""Of one delivery: about two seconds, and ten times what a page of 10,000 signals takes."""
LONG: Final = 64
"""Shorter texts and lists cost as much as the step that finds them."""
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER: Final = 100


class TooMuchWork(Exception):
    """A delivery that costs more than is allowed; what was made of it is given up."""


class Account:
    """What is left of the steps of one reading."""

    def __init__(self) -> None:
        self.left = MOST_STEPS

    def begin(self) -> None:
        self.left = MOST_STEPS

    def spend(self, steps: int) -> None:
        """Raises TooMuchWork."""
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork(
                f"it takes more than {MOST_STEPS} steps to read: send it in parts, or repeat less in the expressions"
            )

    def spend_whole(self, value: object) -> None:
        """Pays for a value with all that is in it, as often as it occurs. Raises TooMuchWork."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            self.spend(weight_of(one))
            if isinstance(one, dict):
                waiting += dict.values(one)
            elif isinstance(one, list):
                waiting += list.__iter__(one)


def weight_of(value: object) -> int:
    """The steps of going through a value once, with the texts in it and without the lists and objects."""
    if isinstance(value, str):
        return 1 + (len(value) >> 4)
    if isinstance(value, dict):
        return 1 + len(value)
    if isinstance(value, list):
        texts = (len(one) >> 4 for one in list.__iter__(value) if isinstance(one, str))
        return 1 + len(value) + sum(texts)
    return 1


class Interpreter(TreeInterpreter):
    """JMESPath's own, on an account."""

    def __init__(self, options: Any, account: Account) -> None:
        super().__init__(options)
        self._account = account
        self._methods: dict[str, Any] = {}

    def visit(self, node: Any, value: Any) -> Any:
        account = self._account
        account.left -= 1
        if account.left < 0:
            account.spend(0)
        kind = node["type"]
        method = self._methods.get(kind)
        if method is None:
            method = self._methods[kind] = getattr(self, f"visit_{kind}")
        found = method(node, value)
        if isinstance(found, (str, list)) and len(found) > LONG:
            account.spend(len(found) >> 4)
        return found

    def visit_flatten(self, node: Any, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        # Paid before it is made: it can be as long as all its lists together.
        self._account.spend(sum(len(one) for one in list.__iter__(base) if isinstance(one, list)))
        found: list[object] = []
        for one in base:
            found += one if isinstance(one, list) else [one]
        return found

    def visit_comparator(self, node: Any, value: Any) -> Any:
        left, right = (self.visit(one, value) for one in node["children"])
        if isinstance(left, (dict, list)) and isinstance(right, (dict, list)):
            self._account.spend_whole(left)
        compare = self.COMPARATOR_FUNC[node["value"]]
        if node["value"] in ("eq", "ne"):
            return compare(left, right)
        return compare(left, right) if _has_order(left) and _has_order(right) else None


def _has_order(value: object) -> bool:
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def number_of(text: str) -> float:
    """The number that a text writes in decimal digits. Raises ValueError, also for what only Python reads so."""
    if len(text) > _LONGEST_NUMBER or not NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no number")
    return float(text)
