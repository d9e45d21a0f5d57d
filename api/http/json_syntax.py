"""Describes why a body is no JSON: what is wrong, where, and what to do."""

import codecs
import json
import re
from typing import Final

import msgspec
from msgspec import Struct

from infrastructure.encoded_text import describe_undecodable

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for a body that it cannot read."""
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_LONG_NUMBER: Final = re.compile(rb"-?\d[\d.]{300,}|-?[\d.]+[eE]\+?\d{3,}")
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONSTANT: Final = re.compile(rb"-?Infinity|NaN")
_ADVICE: Final = {
    "Expecting value": "{char} does not belong here; a value is a text in double quotes, a number, true, "
    "false, null, a list or an object",
    "Expecting property name enclosed in double quotes": "{char} does not belong here; a name in an object "
    "is written in double quotes",
    "Expecting ':' delimiter": "a colon is missing before {char}",
    "Expecting ',' delimiter": "a comma is missing before {char}",
    "Extra data": "{char} comes after the end of the document; send one document (signals may be NDJSON, "
    "with its Content-Type)",
    "Invalid control character at": "{char} is a control character; in a text it is written as an escape, "
    "such as \\n",
    "Invalid \\escape": "a backslash begins an escape such as \\n, and this is none; a backslash itself is \\\\",
    "Invalid \\uXXXX escape": "\\u is followed by four hexadecimal digits",
}
_ENDS_EARLY: Final = "a text, a list or an object is not closed"


class Place(Struct, frozen=True):
    """Where a text begins that is a part of a body: what it is, and its line."""

    name: str = "the body"
    line: int | None = None
    """Of a line of NDJSON: its number. A place in it is named with it."""


THE_BODY: Final = Place()


def describe_malformed(body: bytes, error: Exception, place: Place = THE_BODY) -> str:
    """What is wrong with a body that the decoder refused with this error."""
    if not body.strip():
        return f"{place.name} is empty; send JSON"
    if body.startswith(_MARKS) or 0 in body[:2]:
        return f"{place.name} looks like UTF-16; write it in UTF-8"
    try:
        body.decode()
    except UnicodeDecodeError as undecodable:
        where = f"{_line(place)}: " if place.line is not None else ""
        return f"{where}{describe_undecodable(undecodable)}; write it in UTF-8"
    if (at := body.find(b"\0")) >= 0:
        return f"a NUL character {_at(body, at, place)}; leave it out"
    if isinstance(error, RecursionError):
        return (
            f"{place.name} is nested too deeply: its lists and objects have {_depth(body)} levels. "
            "No document of this service needs more than 100"
        )
    if (half := _lone_surrogate(body)) is not None:
        escape = body[half : half + 6].decode("ascii", "replace")
        return (
            f"{escape} {_at(body, half, place)} is half of a character (a lone surrogate); send the "
            "whole character, or leave it out"
        )
    if "out of range" in str(error) and (number := _LONG_NUMBER.search(_without_texts(body))):
        return f"the number {_at(body, number.start(), place)} is too large"
    return _describe_syntax(body, str(error), place)


def _describe_syntax(body: bytes, error: str, place: Place) -> str:
    """Where the syntax of JSON is broken; the decoder itself does not tell the place exactly."""
    text = body.decode()
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as found:
        at = len(text[: found.pos].encode())
        if found.pos >= len(text.rstrip()) or found.msg.startswith("Unterminated"):
            return f"{place.name} ends too early, {_at(body, len(body), place)}: {_ENDS_EARLY}"
        char = text[found.pos]
        advice = _ADVICE.get(found.msg, found.msg).format(char=repr(char))
        if char in "]}" and text[: found.pos].rstrip().endswith(","):
            advice = f"there is a comma too many before {char}"
        if "invalid number" in error:
            advice = "not a number; numbers have no leading zero and no plus sign"
        return f"not JSON {_at(body, at, place)}: {advice}"
    if constant := _CONSTANT.search(_without_texts(body)):
        name = constant[0].decode()
        return f"not JSON {_at(body, constant.start(), place)}: {name} is no number of JSON"
    return f"not JSON: {error}"


def _line(place: Place) -> str:
    return f"line {place.line}"


def _at(body: bytes, offset: int, place: Place) -> str:
    """`at byte 7`, or `at line 3, byte 7` of that line; bytes are counted from 0."""
    before = body[:offset]
    number = before.count(b"\n") + (place.line or 1)
    byte = offset - (before.rfind(b"\n") + 1)
    has_lines = place.line is not None or b"\n" in body.rstrip()
    return f"at line {number}, byte {byte}" if has_lines else f"at byte {byte}"


def _without_texts(body: bytes) -> bytes:
    """The body with its texts blanked out; all else stays in its place."""
    return _STRING.sub(lambda found: b'"' * len(found[0]), body)


def _depth(body: bytes) -> int:
    deepest = level = 0
    for one in _without_texts(body):
        if one in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif one in b"]}":
            level -= 1
    return deepest


def _lone_surrogate(body: bytes) -> int | None:
    """Where the first escape of half a character is; None without one."""
    high: int | None = None
    after = 0
    for found in _ESCAPE.finditer(body):
        code = int(found[1], 16) if found[1] else 0
        is_second = 0xDC00 <= code < 0xE000
        if high is not None:
            if not (is_second and found.start() == after):
                return high
            high = None
        elif is_second:
            return found.start()
        elif 0xD800 <= code < 0xDC00:
            high, after = found.start(), found.end()
    return high
