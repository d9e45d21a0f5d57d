"""Names that stand twice in a JSON object: which of their values counts is anybody's guess, so
none does (RFC 8259, 4, leaves it to the receiver; RFC 7493, 2.3, forbids them)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from api.http.errors import MalformedBody
from domain.errors import Fault, Invalid
from domain.validation import escape

_SPACED = (b" :", b"\t:", b"\n:", b"\r:")
_NAME = re.compile(rb'(?<!\\)"\s*:')


def repeats_a_name(body: bytes | msgspec.Raw) -> bool:
    """Whether some object of a readable body may name a member twice; cheap enough for each.

    What is decoded and encoded again has each name once, so that fewer are left.
    """
    again = msgspec.json.encode(msgspec.json.decode(body))
    told = bytes(body)
    if not any(spaced in told for spaced in _SPACED):  # as nearly everybody writes it
        return told.count(b'":') != again.count(b'":')
    return len(_NAME.findall(told)) != len(_NAME.findall(again))


def repeated_names(body: bytes | msgspec.Raw) -> list[Fault]:
    """A fault for each name that stands more than once in an object of a readable body."""
    # Numbers are of no interest here, and may be longer than Python likes.
    value = json.loads(bytes(body), object_pairs_hook=_Members, parse_int=str, parse_float=str)
    return list(_repeated(value, ""))


def refuse_repeated_names(body: bytes) -> None:
    """Raise Invalid if a name stands twice in the body, MalformedBody if it is no JSON.

    Nothing at all is a body as well.
    """
    try:
        repeated = repeated_names(body) if body and repeats_a_name(body) else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(str(error)) from None
    if repeated:
        raise Invalid(repeated, "the body")


class _Members(list[tuple[str, object]]):
    """The members of an object, all of them."""


def _repeated(value: object, pointer: str) -> Iterator[Fault]:
    if isinstance(value, _Members):
        for name, count in Counter(name for name, _ in value).items():
            if count > 1:
                yield Fault(f"{pointer}/{escape(name)}", f"stands {count} times in one object")
        for name, member in value:
            yield from _repeated(member, f"{pointer}/{escape(name)}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _repeated(item, f"{pointer}/{place}")
