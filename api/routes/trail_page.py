"""The trail as CSV for spreadsheets, and as an HTML page to print."""

import io
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from uuid import UUID

from application.cases.trail import PolicyReason, TrailLine
from domain.policy.decision import Verdict
from infrastructure.csv_cells import write_rows

CSV = "text/csv"
HTML = "text/html"
COLUMNS = (
    *("version", "position", "recorded_at", "happened_at", "event", "who", "person", "principal"),
    *("through", "delegate", "break_glass", "said", "policy", "rule", "verdicts", "evidence"),
    *("packet", "known_and_not_shown", "cause", "declared_wrong_by"),
)
_STYLE = """
:root { color-scheme: light }
body { font: 11pt/1.4 sans-serif; margin: 2em; color: #000; background: #fff }
table { border-collapse: collapse; width: 100% }
td, th { border-top: 1px solid #999; padding: .3em .6em; text-align: left; vertical-align: top;
  overflow-wrap: anywhere }
tbody th { font-weight: normal }
tr { break-inside: avoid } thead { display: table-header-group }
.small { font-size: 9pt; color: #333 }
"""


def describe_verdict(verdict: Verdict) -> str:
    read = "nothing" if verdict.read is None else verdict.read
    mark = "✓" if verdict.passed else "–"
    return f"{mark} {verdict.fact} {verdict.test}: read {read}"


def render_csv(lines: Sequence[TrailLine]) -> str:
    return write_csv(COLUMNS, map(_csv_row, lines))


def write_csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """RFC 4180, with a header; a cell that begins like a formula gets an apostrophe in front."""
    out = io.StringIO(newline="")
    write_rows(out, columns, rows)
    return out.getvalue()


def render_page(
    case: UUID, order: str, lines: Sequence[TrailLine], refused: Sequence[TrailLine]
) -> str:
    """A complete page that loads nothing and runs no scripts."""
    title = f"Case {case} of order {order}"
    recorded = "".join(_render_row(line) for line in lines)
    attempts = "".join(_render_row(line) for line in refused)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{_table('What was recorded', recorded)}"
        + (f"<h2>What was refused</h2>{_table('What was refused', attempts)}" if refused else "")
        + "</main></body></html>"
    )


def _table(name: str, rows: str) -> str:
    headings = ("#", "When", "Who", "What, why and on what evidence")
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    return f'<table aria-label="{name}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def describe_details(line: TrailLine) -> Iterator[str]:
    """The details of a line: why, evidence, packet, signals not shown, cause, errors."""
    for why in line.why:
        yield f"{why.what}: policy {why.policy}, rule {why.rule}"
        yield from (f"  {describe_verdict(verdict)}" for verdict in why.verdicts)
    if line.evidence:
        yield f"evidence: {', '.join(line.evidence)}"
    if line.packet is not None:
        yield f"packet: {line.packet}"
    if line.not_shown is not None:
        hidden = ", ".join(f"{signal.signal} ({signal.type})" for signal in line.not_shown)
        yield f"known and not shown: {hidden or 'nothing'}"
    if line.cause is not None:
        yield f"because of {line.cause}"
    if line.declared_wrong_by is not None:
        yield f"declared wrong by version {line.declared_wrong_by}"


def _csv_row(line: TrailLine) -> Iterator[object]:
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
    yield None if hidden is None else "; ".join(signal.signal for signal in hidden) or "nothing"
    yield from (line.cause, line.declared_wrong_by)


def _verdicts(whys: Sequence[PolicyReason]) -> Iterator[str]:
    return (describe_verdict(verdict) for why in whys for verdict in why.verdicts)


def _render_row(line: TrailLine) -> str:
    at = f"{line.recorded_at:%Y-%m-%d %H:%M:%S}Z"
    if line.happened_at != line.recorded_at:
        at += f"<br>happened {line.happened_at:%Y-%m-%d %H:%M:%S}Z"
    said = escape(line.said).replace("\n", "<br>")
    if line.declared_wrong_by is not None:
        said = f"<s>{said}</s>"
    small = "<br>".join(escape(note) for note in describe_details(line))
    return (
        f'<tr><th scope="row">{line.version}</th><td>{at}</td><td>{escape(line.who)}</td>'
        f'<td>{said}<div class="small">{escape(line.type)}<br>{small}</div></td></tr>'
    )
