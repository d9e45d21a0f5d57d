"""The expressions of mapping documents: JMESPath (jmespath.org), with a few functions of our own.

A result that is null, or a text of blanks only that was looked up, counts as absent. Fields of a document are looked up at the
item that a value speaks of; `root()`, `parent()`, `grandparent()` and `delivery()` lead to what is around it.
"""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from jmespath import Options, compile, exceptions
from jmespath.functions import Functions, signature

from infrastructure.mappings.files import parse_body
from infrastructure.mappings.unread import ReadLeaves
from infrastructure.mappings.work import Account, Interpreter, number_of, weight_of

LONGEST_EXPRESSION = 1_000


class ExpressionBroken(ValueError):
    """The text is not an expression."""


class ExpressionFailed(ValueError):
    """The expression cannot be evaluated for this delivery, such as `join` of a number."""


class _Functions(Functions):
    """JMESPath's functions and ours. The places are set by the one evaluation that uses them."""

    root: object = None
    delivery: object = None
    index: int = 0

    def __init__(self, account: Account) -> None:
        self.around: list[object] = []
        """What the item is in, from the delivery inwards."""
        self._account = account

    def call_function(self, function_name: str, resolved_args: Any, *rest: Any) -> Any:
        for one in resolved_args:
            self._account.spend(weight_of(one))
            if isinstance(one, list):
                iter(one)  # `join` reads a list past the code that remembers what was read
        return super().call_function(function_name, resolved_args, *rest)

    @signature({"types": []})
    def _func_to_string(self, value: object) -> object:
        self._account.spend_whole(value)
        return super()._func_to_string(value)  # type: ignore[misc]

    @signature({"types": []})
    def _func_to_number(self, value: object) -> object:
        if not isinstance(value, str):
            return super()._func_to_number(value)  # type: ignore[misc]
        try:
            number_of(value)
        except ValueError:
            return None
        return super()._func_to_number(value)  # type: ignore[misc]

    @signature({"types": ["array", "string"]}, {"types": []})
    def _func_contains(self, subject: Any, search: Any) -> bool:
        if isinstance(subject, list):
            for _ in subject:
                self._account.spend_whole(search)
        return search in subject

    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, texts: list[str]) -> str:
        # Its argument has been paid for, but for what stands between the texts.
        self._account.spend(len(texts) * len(separator) >> 4)
        return separator.join(texts)

    @signature()
    def _func_root(self) -> object:
        return self.root

    @signature()
    def _func_parent(self) -> object:
        return self.around[-1] if self.around else None

    @signature()
    def _func_grandparent(self) -> object:
        return self.around[-2] if len(self.around) > 1 else None

    @signature()
    def _func_delivery(self) -> object:
        return self.delivery

    @signature()
    def _func_index(self) -> int:
        """The place of the item in its list, from 0."""
        return self.index

    @signature({"types": ["string", "null"]})
    def _func_lower(self, text: str | None) -> str | None:
        return None if text is None else text.lower()

    @signature({"types": ["string", "null"]})
    def _func_upper(self, text: str | None) -> str | None:
        return None if text is None else text.upper()

    @signature({"types": ["string", "null"]}, {"types": ["number"]})
    def _func_cut(self, text: str | None, most: float) -> str | None:
        """The first characters of a text."""
        return None if text is None else text[: max(0, int(most))]

    @signature({"types": ["number", "string", "null"]}, {"types": ["number"]})
    def _func_times(self, number: float | str | None, factor: float) -> float | None:
        """A number, which may be written as a text, multiplied."""
        if number is None or number == "":
            return None
        found = (number_of(number.strip()) if isinstance(number, str) else float(number)) * factor
        if not isfinite(found):
            raise ValueError(f"{number} times {factor} is too large")
        return found

    @signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_split(self, text: str | None, separator: str) -> list[str] | None:
        return None if text is None or not separator else text.split(separator)

    @signature({"types": ["string", "null"]}, {"types": ["string"]}, {"types": ["string"]})
    def _func_replace(self, text: str | None, old: str, new: str) -> str | None:
        if text is None:
            return None
        # Paid before it is made: replacements in replacements grow without end.
        self._account.spend(text.count(old) * len(new) >> 4)
        return text.replace(old, new)

    @signature({"types": ["object", "null"]})
    def _func_items(self, value: Mapping[str, object] | None) -> list[object] | None:
        """The members of an object whose names are data, such as numbers of parcels: `key` and `value` of each."""
        if value is None:
            return None
        self._account.spend(2 * len(value))
        pairs = zip(value, value.values(), strict=True)  # `values` says that they were read
        return [{"key": key, "value": one} for key, one in pairs]

    @signature({"types": ["string", "null"]})
    def _func_parse_json(self, text: str | None) -> object:
        """The data of a text that is JSON itself."""
        if text is None or not text.strip():
            return None
        found = parse_body("json", text)
        self._account.spend_whole(found)
        return found

    @signature({"types": []})
    def _func_list(self, value: object) -> list[object]:
        """The value as a list: XML and some systems write a single item without one."""
        return value if isinstance(value, list) else [] if value is None else [value]


FUNCTIONS = frozenset(_Functions.FUNCTION_TABLE)


class Expression:
    """A parsed expression."""

    def __init__(self, text: str) -> None:
        """Raises ExpressionBroken."""
        if len(text) > LONGEST_EXPRESSION:
            raise ExpressionBroken(f"longer than {LONGEST_EXPRESSION} characters")
        try:
            self.tree: Any = compile(text).parsed
        except (exceptions.JMESPathError, RecursionError) as error:
            first = str(error).splitlines()[0] if str(error) else "nested too deeply"
            raise ExpressionBroken(f"not an expression of JMESPath: {first}") from None
        self.text = text
        self.is_literal = self.tree["type"] == "literal"
        nodes = list(_nodes(self.tree))
        if any(
            node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression"
            for node in nodes
        ):
            raise ExpressionBroken("`!a.b` is `(!a).b`, which is never there: write `!(a.b)`")
        called = {node["value"] for node in nodes if node["type"] == "function_expression"}
        for name in sorted(called - FUNCTIONS):
            raise ExpressionBroken(f"no function {name}; known are: {', '.join(sorted(FUNCTIONS))}")


def _nodes(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [tree]
    while waiting:
        yield (one := waiting.pop())
        waiting += [child for child in one.get("children", ()) if isinstance(child, dict)]


_FAILURES = (
    exceptions.JMESPathError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    RecursionError,
)
"""Of JMESPath's own, and of Python's for values that it does not expect, such as infinity as a number."""


class Evaluation:
    """Evaluates the expressions of one document for one delivery at a time; not for several threads."""

    def __init__(self) -> None:
        self.account = Account()
        self._functions = _Functions(self.account)
        self._interpreter = Interpreter(Options(custom_functions=self._functions), self.account)
        self._leaves: ReadLeaves | None = None

    def begin(self, delivery: object, leaves: ReadLeaves | None = None) -> None:
        """`leaves` remembers what is read of the delivery, where somebody asked for it."""
        self._leaves = leaves
        self.account.begin()
        self._functions.index = 0
        self._functions.delivery = delivery
        self._functions.root = None
        self._functions.around.clear()

    def set_root(self, root: object) -> None:
        self._functions.root = root

    def enter(self, item: object) -> None:
        """The item is the parent of what is looked at, until `leave`."""
        self._functions.around.append(item)

    def leave(self) -> None:
        self._functions.around.pop()

    def set_index(self, index: int) -> int:
        """The place of the item that is looked at; returns the place before."""
        before, self._functions.index = self._functions.index, index
        return before

    def find(self, expression: Expression, item: object) -> Any:
        """The value of an expression at an item; None if it is absent. A blank that the document writes itself, as
        between the parts of `$join`, is no absent one. Raises ExpressionFailed, TooMuchWork."""
        found = self.visit(expression, item)
        if isinstance(found, (dict, list)):
            # Whoever takes it goes through all of it.
            self.account.spend_whole(found)
        if self._leaves is not None:
            self._leaves.read_all(found)
        if isinstance(found, str) and not expression.is_literal and not found.strip():
            return None
        return found

    def visit(self, expression: Expression, item: object) -> Any:
        """The same, where the value is only gone through. Raises ExpressionFailed, TooMuchWork."""
        try:
            return self._interpreter.visit(expression.tree, item)
        except _FAILURES as error:
            first = (str(error).splitlines() or ["no value"])[0]
            raise ExpressionFailed(f"`{expression.text}`: {first[:300]}") from None

    def holds(self, expression: Expression, item: object) -> bool:
        """Whether the value is true in the sense of JMESPath: not null, false or empty."""
        found = self.visit(expression, item)
        return found is not None and found is not False and found not in ("", [], {})
