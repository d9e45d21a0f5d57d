"""Compiles the values of a mapping document to functions.

A value is a text (an expression), an object of values, a list of values, or one helper: an object whose
first key begins with `$`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from domain.currencies import EXPONENTS
from domain.errors import Fault
from domain.fault_texts import not_one_of, shown
from domain.validation import escape_pointer_token
from infrastructure.mappings.amounts_and_times import (
    ValueUnreadable,
    plain_amount,
    sum_of,
    text_of_time,
    time_of,
)
from infrastructure.mappings.expressions import Expression, ExpressionBroken
from infrastructure.mappings.field_types import converter_of, fields_of, item_of, text_of
from infrastructure.mappings.reading import (
    Evaluate,
    Reading,
    UnknownCode,
    absent,
    items_of,
    list_of,
    object_of,
)
from infrastructure.mappings.table_values import find_table_faults

MOST_VALUES = 20_000
"""Of a document with what its anchors repeat: YAML can write exponentially many."""


class Compiler:
    """Compiles values and collects all faults of the document, each at its pointer."""

    def __init__(self, tables: Mapping[str, Mapping[str, object]]) -> None:
        self.faults: list[Fault] = []
        self.used_tables: set[str] = set()
        self._tables = tables
        self._count = 0

    def value(self, node: object, pointer: str, kind: Any = None) -> Evaluate:
        """The function of a value; `kind` is the type of the signal's field that it is for, if it is for one."""
        self._count += 1
        if self._count > MOST_VALUES:
            if self._count == MOST_VALUES + 1:
                self.fault(pointer, f"the document has more than {MOST_VALUES} values")
            return absent
        if isinstance(node, str):
            return _converted(self._expression(node, pointer), converter_of(kind))
        if isinstance(node, list):
            parts = [
                # `$each` makes a list of the same kind, whose items are added.
                self.value(one, f"{pointer}/{n}", kind if _is_each(one) else item_of(kind))
                for n, one in enumerate(node)
            ]
            return list_of(parts)
        if not isinstance(node, dict) or not node:
            self.fault(
                pointer, f'{shown(node)} is no value: write an expression in quotes, such as "`1`"'
            )
            return absent
        helper = next((key for key in node if str(key).startswith("$")), None)
        if helper is None:
            return self._object(node, pointer, fields_of(kind))
        if helper not in HELPERS:
            self.fault(f"{pointer}/{helper}", not_one_of(helper, HELPERS))
            return absent
        if helper == "$each":
            return self.each(node, pointer, item_of(kind))
        found = find_table_faults(node, kind, self._tables)
        self.faults += [one for one in found if one not in self.faults]  # fields may share a table
        return _HELPERS[helper](self, node, pointer)

    def _object(
        self, node: Mapping[str, object], pointer: str, known: Mapping[str, Any] | None
    ) -> Evaluate:
        members = {}
        for name, one in node.items():
            place = f"{pointer}/{escape_pointer_token(str(name))}"
            if known is not None and name not in known:
                self.fault(place, not_one_of(name, sorted(known)))
            members[name] = self.value(one, place, (known or {}).get(name))
        return object_of(members)

    def expression(self, text: object, pointer: str) -> Expression | None:
        if not isinstance(text, str):
            self.fault(pointer, f"must be an expression in quotes, not {shown(text)}")
            return None
        try:
            return Expression(text)
        except ExpressionBroken as error:
            self.fault(pointer, str(error))
            return None

    def fault(self, pointer: str, detail: str) -> None:
        self.faults.append(Fault(pointer, detail))

    def _expression(self, text: str, pointer: str) -> Evaluate:
        found = self.expression(text, pointer)
        if found is None:
            return absent
        expression = found
        return lambda reading, item: reading.evaluation.find(expression, item)

    def parts(
        self, node: Mapping[str, object], pointer: str, helper: str, known: tuple[str, ...]
    ) -> dict[str, Evaluate]:
        """The compiled parts of a helper's object; its first known part is required."""
        inner, place = node[helper], f"{pointer}/{helper}"
        self._only(node, pointer, {helper})
        if not isinstance(inner, dict):
            self.fault(place, f"must be an object of {', '.join(known)}")
            return {}
        self._only(inner, place, {*known})
        if known[0] not in inner:
            self.fault(f"{place}/{known[0]}", "missing")
        return {
            key: self.value(one, f"{place}/{key}") for key, one in inner.items() if key in known
        }

    def _only(self, node: Mapping[str, object], pointer: str, known: set[str]) -> None:
        for key in node:
            if key not in known:
                self.fault(f"{pointer}/{key}", not_one_of(key, sorted(known)))

    # The helpers

    def money(self, node: Mapping[str, object], pointer: str) -> Evaluate:
        """`$money`: `amount` (a list is summed) less `less`, divided by `over`, of `currency`; `minor` where it counts the
        currency's smallest unit, with the document's own `exponents` before those of ISO 4217; `decimal` is the
        mark before decimals in texts."""
        known = ("amount", "less", "over", "currency", "minor", "decimal")
        parts = self.parts(node, pointer, "$money", known)
        if "currency" not in parts:
            self.fault(f"{pointer}/$money/currency", "missing: an amount has a currency")

        def money(reading: Reading, item: object) -> object:
            found = {name: part(reading, item) for name, part in parts.items()}
            mark = found.get("decimal")
            amount = sum_of(found.get("amount"), mark)
            if amount is None:
                return None
            currency = found.get("currency")
            if not isinstance(currency, str):
                raise ValueUnreadable(f"the amount {amount} has no currency")
            currency = currency.upper()
            amount -= sum_of(found.get("less"), mark) or 0
            if (over := sum_of(found.get("over"))) is not None:
                if not over:
                    raise ValueUnreadable(f"the amount {amount} is divided by 0")
                amount /= over
            if found.get("minor"):
                exponent = reading.exponents.get(currency, EXPONENTS.get(currency))
                if exponent is None:
                    raise ValueUnreadable(f"{currency} is no currency of ISO 4217")
                amount = amount.scaleb(-exponent)
            return {
                "amount": plain_amount(amount, EXPONENTS.get(currency, 2)),
                "currency": currency,
            }

        return money

    def time(self, node: Mapping[str, object], pointer: str) -> Evaluate:
        """`$time`: `of` a text in the form `format` (strptime's, or a list of them), or a number in the `unit`
        `seconds` or `milliseconds` since 1970, or `ticks` of .NET. A text without an offset stays local: the
        signal names its `time_zone`."""
        return self._time(node, pointer, "$time", text_of_time)

    def day(self, node: Mapping[str, object], pointer: str) -> Evaluate:
        """`$day`: the day of such a time, as it is written there."""
        return self._time(node, pointer, "$day", lambda moment: moment.date().isoformat())

    def _time(
        self,
        node: Mapping[str, object],
        pointer: str,
        helper: str,
        written: Callable[[datetime], str],
    ) -> Evaluate:
        parts = self.parts(node, pointer, helper, ("of", "format", "unit"))

        def time(reading: Reading, item: object) -> object:
            found = {name: part(reading, item) for name, part in parts.items()}
            moment = time_of(found.get("of"), found.get("format"), found.get("unit"))
            return None if moment is None else written(moment)

        return time

    def code(self, node: Mapping[str, object], pointer: str) -> Evaluate:
        """`$code`: what `table` lists for the code `of` (of several, for the first that it lists); for one that
        it does not list, `otherwise`. A code that has neither is not understood."""
        inner = node["$code"]
        table = inner.get("table") if isinstance(inner, dict) else None
        if not isinstance(table, str) or table not in self._tables:
            self.fault(f"{pointer}/$code/table", not_one_of(table, sorted(self._tables)))
        self.used_tables.add(str(table))
        if isinstance(inner, dict):
            node = {**node, "$code": {key: one for key, one in inner.items() if key != "table"}}
        parts = self.parts(node, pointer, "$code", ("of", "otherwise"))

        def code(reading: Reading, item: object) -> object:
            found = parts["of"](reading, item)
            codes = [
                text_of(one)
                for one in (found if isinstance(found, list) else [found])
                if one is not None
            ]
            if not codes:
                return None
            for one in codes:
                is_listed, meaning = reading.tables[str(table)].find(one)
                if is_listed:
                    reading.read_codes += codes
                    return meaning
            if "otherwise" not in parts:
                reading.unknown_codes.append(UnknownCode(str(table), codes[0]))
                return None
            reading.read_codes += codes
            return parts["otherwise"](reading, item)

        return code

    def first(self, node: Mapping[str, object], pointer: str) -> Evaluate:
        """`$first`: the first of these values that is there."""
        inner = self._values(node, pointer, "$first")

        def first(reading: Reading, item: object) -> object:
            return next((one for part in inner if (one := part(reading, item)) is not None), None)

        return first

    def join(self, node: Mapping[str, object], pointer: str) -> Evaluate:
        """`$join`: a list of values as one text; absent if one of them is."""
        inner = self._values(node, pointer, "$join")

        def join(reading: Reading, item: object) -> object:
            found = [part(reading, item) for part in inner]
            return None if None in found else "".join(map(text_of, found))

        return join

    def _values(self, node: Mapping[str, object], pointer: str, helper: str) -> list[Evaluate]:
        self._only(node, pointer, {helper})
        parts = node[helper]
        if not isinstance(parts, list):
            self.fault(f"{pointer}/{helper}", "must be a list of values")
            return []
        return [self.value(one, f"{pointer}/{helper}/{n}") for n, one in enumerate(parts)]

    def each(self, node: Mapping[str, object], pointer: str, kind: Any) -> Evaluate:
        """`$each`: the value `as` of each item of a list; absent items are left out."""
        self._only(node, pointer, {"$each", "as"})
        of = self.expression(node["$each"], f"{pointer}/$each")
        inner = self.value(node.get("as"), f"{pointer}/as", kind)

        def each(reading: Reading, item: object) -> object:
            if of is None or (items := items_of(reading, of, item)) is None:
                return None
            reading.evaluation.enter(item)
            before = reading.evaluation.set_index(0)
            found = []
            try:
                for n, one in enumerate(items):
                    reading.spend(1)
                    reading.evaluation.set_index(n)
                    found.append(inner(reading, one))
            finally:
                reading.evaluation.set_index(before)
                reading.evaluation.leave()
            return [one for one in found if one is not None]

        return each


_HELPERS: Mapping[str, Callable[[Compiler, Mapping[str, object], str], Evaluate]] = {
    "$money": Compiler.money,
    "$time": Compiler.time,
    "$day": Compiler.day,
    "$code": Compiler.code,
    "$join": Compiler.join,
    "$first": Compiler.first,
}
HELPERS = sorted([*_HELPERS, "$each"])


def _is_each(node: object) -> bool:
    return isinstance(node, dict) and "$each" in node


def _converted(evaluate: Evaluate, convert: Callable[[object], object] | None) -> Evaluate:
    if convert is None:
        return evaluate
    return lambda reading, item: convert(evaluate(reading, item))
