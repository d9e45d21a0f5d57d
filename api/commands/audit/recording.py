"""Beside the database, too, it is recorded who asked: the operator, by the machine's account."""

from __future__ import annotations

import getpass
from collections.abc import Mapping

from rich.console import Console

from api.composition import Desks
from application.audit.question_records import record_asked
from domain.audit import AuditAsked
from domain.people import OPERATOR
from infrastructure.postgres.datastore import LogHalted


def account() -> str:
    """Of the machine: whoever sits beside the database."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def record_here(
    desks: Desks, name: str, parameters: Mapping[str, str], position: int, digest: str
) -> int | None:
    """Where it stands; None on a log that takes no more, which whoever asks is told."""
    asked = AuditAsked(
        asked=name, parameters=parameters, position=position, answer=digest, account=account()
    )
    try:
        return record_asked(desks.log, asked, OPERATOR, desks.clock())
    except LogHalted:
        Console(stderr=True).print("The log takes no more: that this was asked is not recorded.")
        return None
