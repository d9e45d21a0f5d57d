"""Duplicate names in a JSON object: such a body is refused.

RFC 8259, 4, leaves it open which value counts; RFC 7493, 2.3, forbids duplicates.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from api.http.errors import MalformedBody
from api.http.json_syntax import UNREADABLE, describe_malformed
from domain.errors import Fault, Invalid
from domain.validation import escape_pointer_token, faults_of

T = TypeVar("T")

_SPACED_COLONS = (b" :", b"\t:", b"\n:", b"\r:")
_KEY_PATTERN = re.compile(rb'(?<!\\)"\s*:')


def may_repeat_a_key(body: bytes | msgspec.Raw) -> bool:
    """Whether an object of a valid body may have a duplicate name: a cheap test for every body.

    Decoding and encoding again drops duplicates, so that fewer names are left.
    """
    deduplicated = msgspec.json.encode(msgspec.json.decode(body))
    raw = bytes(body)
    if not any(spaced in raw for spaced in _SPACED_COLONS):  # the usual way of writing it
        return raw.count(b'":') != deduplicated.count(b'":')
    return len(_KEY_PATTERN.findall(raw)) != len(_KEY_PATTERN.findall(deduplicated))


def find_repeated_keys(body: bytes | msgspec.Raw) -> list[Fault]:
    """A fault for each duplicate name in an object of a valid body."""
    # Numbers do not matter here, and Python refuses very long ones.
    value = json.loads(bytes(body), object_pairs_hook=_Members, parse_int=str, parse_float=str)
    return list(_walk_repeated_keys(value, ""))


def require_unique_keys(body: bytes) -> None:
    """Raise Invalid for a duplicate name in the body, MalformedBody if it is not JSON.

    An empty body is valid.
    """
    try:
        repeated = find_repeated_keys(body) if body and may_repeat_a_key(body) else []
    except UNREADABLE as error:
        raise MalformedBody(describe_malformed(body, error)) from None
    if repeated:
        raise Invalid(repeated, "the body")


def decode_body(body: bytes, kind: type[T], what: str) -> T:
    """The body as this type. Raises Invalid with all of its faults, MalformedBody if it is not JSON."""
    require_unique_keys(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        try:
            faults = faults_of(msgspec.json.decode(body), kind)
        except UNREADABLE as malformed:
            raise MalformedBody(describe_malformed(body, malformed)) from None
        raise Invalid(faults or [Fault("", str(error))], what) from None


class _Members(list[tuple[str, object]]):
    """All members of an object, duplicates included."""


def _walk_repeated_keys(value: object, pointer: str) -> Iterator[Fault]:
    if isinstance(value, _Members):
        for name, count in Counter(name for name, _ in value).items():
            if count > 1:
                yield Fault(
                    f"{pointer}/{escape_pointer_token(name)}", f"occurs {count} times in one object"
                )
        for name, member in value:
            yield from _walk_repeated_keys(member, f"{pointer}/{escape_pointer_token(name)}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _walk_repeated_keys(item, f"{pointer}/{place}")
