"""JSON schemas as HTML: the type of a value, and the members of an object."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from api.reference.examples import REF, Schema
from domain.texts import PATTERN_END

ONE_LINE: Final = "^[^\\x00-\\x1f\\x7f]*" + PATTERN_END
LINES: Final = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]*$"
_PATTERNS: Mapping[str, str] = {ONE_LINE: "one line", LINES: ""}
_MOST_WORDS = 12


def prose(text: str) -> str:
    """A docstring as HTML paragraphs, with `code` marked."""
    return "".join(f"<p>{_line(' '.join(part.split()))}" for part in text.strip().split("\n\n"))


def line(text: str) -> str:
    """A docstring as HTML on one line."""
    return _line(" ".join(text.split()))


def _line(text: str) -> str:
    parts = escape(text, quote=False).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(f"<code>{one}</code>" if n % 2 else one for n, one in enumerate(parts))


def type_of(schema: Schema) -> str:
    """The type of a value as HTML; named schemas are links."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(REF))
        return f"<a href=#{name}>{name}</a>"
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return ", ".join(map(_code, schema["enum"]))
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _options(options)
    return " ".join(filter(None, [_plain(schema), *_bounds(schema)]))


def _options(options: Sequence[Schema]) -> str:
    types = [*dict.fromkeys(map(type_of, options))]
    if len(types) <= _MOST_WORDS:
        return " or ".join(types)
    return f"<details><summary>one of {len(types)}</summary>{', '.join(types)}</details>"


def _plain(schema: Schema) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {type_of(schema.get('items') or {})}"
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return f"object of {type_of(schema['additionalProperties'])} by name"
        case "string":
            return escape(schema.get("format") or "string")
        case None:
            return "anything"
        case kind:
            return escape(str(kind))


def _bounds(schema: Schema) -> Iterator[str]:
    if (pattern := schema.get("pattern")) is not None:
        if pattern in _PATTERNS:
            yield _PATTERNS[pattern]
        else:
            shown = pattern.replace(PATTERN_END, "$")
            yield f"pattern <code>{escape(shown)}</code>"
    for unit, low, high in (
        ("characters", "minLength", "maxLength"),
        ("items", "minItems", "maxItems"),
        ("", "minimum", "maximum"),
    ):
        if (limits := _between(schema.get(low) or None, schema.get(high))) is not None:
            yield f"({' '.join(filter(None, [limits, unit]))})"


def _between(least: Any, most: Any) -> str | None:
    if least is None:
        return None if most is None else f"at most {most}"
    return f"at least {least}" if most is None else f"{least} to {most}"


def shape(name: str, schema: Schema) -> str:
    """A named schema as a folded section."""
    text = prose(schema["description"]) if schema.get("description") else ""
    body = members(schema) if "properties" in schema else f"<p>{type_of(schema)}"
    return f"<details id={name} class=shape><summary>{name}</summary>{text}{body}</details>"


def members(schema: Schema) -> str:
    """The members of an object as a table."""
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code>{_mark(name not in required)}"
        f"<td>{type_of(member)}<td>{line(member.get('description', ''))}{_default(member)}"
        for name, member in schema["properties"].items()
    )
    return table(("Member", "Type", "Meaning"), rows) if rows else "<p>No members."


def table(headings: Sequence[str], rows: str) -> str:
    top = "".join(f"<th scope=col>{heading}" for heading in headings)
    return f"<table><thead><tr>{top}<tbody>{rows}</table>"


def _mark(is_optional: bool) -> str:
    return " <small>optional</small>" if is_optional else ""


def _default(member: Schema) -> str:
    default = member.get("default")
    return f" Default: {_code(default)}." if default not in (None, "", [], {}) else ""


def _code(value: object) -> str:
    return f"<code>{escape(str(value))}</code>"
