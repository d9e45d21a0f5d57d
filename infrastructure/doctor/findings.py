"""A finding of the doctor."""

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    UNSAFE = "unsafe"
    """The service refuses to start."""


class Finding(Struct, frozen=True, omit_defaults=True):
    what: str
    verdict: Verdict
    found: str
    to_do: str = ""


def ok(what: str, found: str) -> Finding:
    return Finding(what, Verdict.OK, found)


def warning(what: str, found: str, to_do: str) -> Finding:
    return Finding(what, Verdict.WARNING, found, to_do)


def unsafe(what: str, found: str, to_do: str) -> Finding:
    return Finding(what, Verdict.UNSAFE, found, to_do)
