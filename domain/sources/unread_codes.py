"""The codes that no mapping read, of one source or of the signals by API, and the cases that they opened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from domain.orders.code_folding import fold_code

_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:unread-codes")
SIGNALS_BY_API: Final = ""
"""In place of a source: the carriers' codes of signals that came without one."""
Code: TypeAlias = tuple[str, str]
"""The table or vocabulary that does not list it, and the code."""


class CodeCaseOpened(Struct, frozen=True, kw_only=True, tag="code.case_opened"):
    """A case was opened for a code. It is recorded with the case, so that the open ones are counted exactly."""

    source: str
    """Empty for signals by API."""
    table: str
    code: str
    occurrence: int
    """The number of the case among those of this code."""


class UnreadCodes(Struct, frozen=True):
    """The number of the newest case of each code that ever opened one."""

    version: int = 0
    cases: Mapping[Code, int] = {}
    spellings: Mapping[Code, Code] = {}
    """Of codes that differ only in case or blanks, the one that opened the first case."""

    def after(self, event: CodeCaseOpened, at: datetime) -> UnreadCodes:
        code = (event.table, event.code)
        cases = {**self.cases, code: event.occurrence}
        spellings = {folded(code): code, **self.spellings}
        return UnreadCodes(self.version + 1, cases, spellings)

    def spelled(self, code: Code) -> Code:
        """The code as it opened its case; in older logs each spelling may have one of its own."""
        return code if code in self.cases else self.spellings.get(folded(code), code)


def folded(code: Code) -> Code:
    return code[0], fold_code(code[1])


def unread_codes_stream(source: str) -> UUID:
    return uuid5(_NAMESPACE, source)
