"""The trail as a table for spreadsheets, and as a page to print: the same words in the same order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from html import escape
from uuid import UUID

from application.cases.trail import ToldLine, Why
from domain.policy.decision import Verdict

CSV = "text/csv"
HTML = "text/html"
COLUMNS = (
    *("version", "position", "recorded_at", "happened_at", "event", "who", "person", "principal"),
    *("through", "delegate", "break_glass", "said", "policy", "rule", "verdicts", "evidence"),
    *("packet", "known_and_not_shown", "cause", "declared_wrong_by"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would work out, where it begins a cell."""
_STYLE = """
body { font: 11pt/1.4 sans-serif; margin: 2em; color: #000; background: #fff }
table { border-collapse: collapse; width: 100% }
td, th { border-top: 1px solid #999; padding: .3em .6em; text-align: left; vertical-align: top }
tr { break-inside: avoid } thead { display: table-header-group }
.small { font-size: 9pt; color: #333 } .wrong { text-decoration: line-through }
"""


def spoken(verdict: Verdict) -> str:
    read = "nothing" if verdict.read is None else verdict.read
    mark = "✓" if verdict.passed else "–"
    return f"{mark} {verdict.fact} {verdict.test}: read {read}"


def as_csv(lines: Sequence[ToldLine]) -> str:
    """RFC 4180, with a head; what begins like a formula stands behind an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([cell(value) for value in _row(line)])
    return out.getvalue()


def as_page(case: UUID, order: str, lines: Sequence[ToldLine], refused: Sequence[ToldLine]) -> str:
    """All of it on a page of its own, with nothing to fetch and nothing to run."""
    title = f"Case {case} of order {order}"
    told = "".join(_of_page(line) for line in lines)
    attempts = "".join(_of_page(line) for line in refused)
    head = "<tr><th>#<th>When<th>Who<th>What, why and on what evidence</tr>"
    table = f"<table><thead>{head}</thead><tbody>{{}}</tbody></table>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{table.format(told)}"
        + (f"<h2>What was refused</h2>{table.format(attempts)}" if refused else "")
        + "</html>"
    )


def notes(line: ToldLine) -> Iterator[str]:
    """What stands beside the sentence: why, evidence, packet, what was not shown, cause, errors."""
    for why in line.why:
        yield f"{why.what}: policy {why.policy}, rule {why.rule}"
        yield from (f"  {spoken(verdict)}" for verdict in why.verdicts)
    if line.evidence:
        yield f"evidence: {', '.join(line.evidence)}"
    if line.packet is not None:
        yield f"packet: {line.packet}"
    if line.not_shown is not None:
        told = ", ".join(f"{one.signal} ({one.type})" for one in line.not_shown)
        yield f"known and not shown: {told or 'nothing'}"
    if line.cause is not None:
        yield f"because of {line.cause}"
    if line.declared_wrong_by is not None:
        yield f"declared wrong by version {line.declared_wrong_by}"


def _row(line: ToldLine) -> Iterator[object]:
    yield from (line.version, line.position)
    yield from (line.recorded_at.isoformat(), line.happened_at.isoformat())
    yield from (line.type, line.who, line.actor.person, line.actor.principal)
    yield from (" → ".join(line.actor.via), line.actor.delegate, line.actor.under, line.said)
    yield "; ".join(dict.fromkeys(why.policy for why in line.why))
    yield "; ".join(why.rule for why in line.why)
    yield "; ".join(_verdicts(line.why))
    yield "; ".join(line.evidence)
    yield line.packet
    hidden = line.not_shown
    yield None if hidden is None else "; ".join(one.signal for one in hidden) or "nothing"
    yield from (line.cause, line.declared_wrong_by)


def _verdicts(whys: Sequence[Why]) -> Iterator[str]:
    return (spoken(verdict) for why in whys for verdict in why.verdicts)


def cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _of_page(line: ToldLine) -> str:
    at = f"{line.recorded_at:%Y-%m-%d %H:%M:%S}Z"
    if line.happened_at != line.recorded_at:
        at += f"<br>happened {line.happened_at:%Y-%m-%d %H:%M:%S}Z"
    said = escape(line.said).replace("\n", "<br>")
    if line.declared_wrong_by is not None:
        said = f'<span class="wrong">{said}</span>'
    small = "<br>".join(escape(note) for note in notes(line))
    return (
        f"<tr><td>{line.version}<td>{at}<td>{escape(line.who)}"
        f'<td>{said}<div class="small">{escape(line.type)}<br>{small}</div></tr>'
    )
