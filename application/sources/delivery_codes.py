"""The cases of codes in deliveries that the source's mapping does not read, and of those that it reads by now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from application.log.event_log import Write
from application.orders.unread_codes import CodeSource, FoundCode, UnreadCodeCases
from application.sources.ports import ReadDelivery
from domain.orders.code_folding import fold_code
from domain.policy.decision import FactValue
from domain.sources.deliveries import KeptDelivery, NotUnderstoodWhy, codes_of
from domain.sources.source import Source
from domain.sources.unread_codes import Code

_KNOWN_IN_PART: Final = frozenset({NotUnderstoodWhy.UNKNOWN_CODE, NotUnderstoodWhy.REFUSED_SIGNAL})
"""A delivery with other reasons was not read to its end: it does not show that a code is read."""


def report_codes(
    cases: UnreadCodeCases,
    source: Source,
    deliveries: Sequence[tuple[UUID, ReadDelivery]],
    now: datetime,
) -> list[Write]:
    """The writes that open a case for each unknown code of these deliveries that has none."""
    found = [
        _found_in(source, stream, read, code, now)
        for stream, read in deliveries
        for code in codes_of(read.reasons)
    ]
    if not found:
        return []
    return cases.report(code_source(source), found, now, found[0].found_in)


def codes_read_again(
    cases: UnreadCodeCases,
    source: Source,
    stream: UUID,
    kept: KeptDelivery,
    read: ReadDelivery,
    now: datetime,
) -> list[Write]:
    """The writes that follow from reading a delivery again: cases of codes that are read now are cleared, and those
    of codes that are not read now are opened."""
    unread = codes_of(read.reasons)
    writes = report_codes(cases, source, [(stream, read)], now) if unread else []
    if not all(one.why in _KNOWN_IN_PART for one in read.reasons):
        return writes
    still = {fold_code(code) for _, code in unread}
    found_in = f"delivery:{stream}"
    facts: dict[str, FactValue] = {
        "source.name": source.name,
        "source.mapping": source.mapping.name,
        "source.mapping_digest": source.mapping.digest,
        "code.read_again_in": str(stream),
    }
    read_now = {*read.codes} - still
    gone = [one for one in kept.codes if fold_code(one[1]) in read_now]
    return writes + cases.settle(code_source(source), gone, facts, found_in, now, found_in)


def code_source(source: Source) -> CodeSource:
    return CodeSource(source.name, source.owner)


def _found_in(
    source: Source, stream: UUID, read: ReadDelivery, code: Code, now: datetime
) -> FoundCode:
    facts: dict[str, FactValue] = {
        "source.owner": source.owner,
        "source.mapping": source.mapping.name,
        "source.mapping_digest": source.mapping.digest,
        "code.first_delivery": str(stream),
    }
    if read.topic is not None:
        facts["code.first_topic"] = read.topic
    if code[0] in read.vocabularies:
        change = (
            f"The codes of {code[0] or 'this carrier'} are part of casetrail, and no table of the mapping. Give the "
            "scan a `status` of its own in the mapping, by a table that lists the code (`$code`)."
        )
    else:
        change = f"Add the code to the table `{code[0]}` of the mapping."
    facts["remedy"] = (
        f"{change} Propose the new version (POST /v1/sources/{source.name}/mapping) and let a second person approve "
        f"it; the operator chooses it at once (casetrail sources mapping {source.name} FILE --reason TEXT). Then read "
        f"the deliveries again (casetrail sources read-again {source.name})."
    )
    return FoundCode(code, f"delivery:{stream}", source.name, facts, now)
