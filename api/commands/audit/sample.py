"""casetrail audit sample"""

from pathlib import Path

import click
import msgspec

from api import terminal
from api.commands.audit.recording import answer_question
from api.commands.options import AS_JSON, RECORDED_FROM, RECORDED_TO, TIME_HELP
from api.commands.verify import escape_for_terminal
from api.routes.questions.answer_text import render_recorded_answer
from api.routes.questions.log import Sample, draw_sample_from, parse_strata, require_seed
from api.routes.questions.question import parse_parameters
from api.routes.questions.registry import QUESTIONS
from api.routes.questions.tables import render_answer
from infrastructure.settings import Settings
from infrastructure.verifier.archives import open_bundle
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.bundle_format import MANIFEST_FILE, BundleBroken
from infrastructure.verifier.manifest import read_manifest
from infrastructure.verifier.notes import parse_key
from infrastructure.verifier.samples import read_members

NUMBER = 12


@click.command(epilog=TIME_HELP)
@click.option("--type", "type", help="Type of the events, such as adjustment.executed.")
@click.option("--kind", help="Only this kind of adjustment or case, such as refund.")
@click.option("--over", help="Only amounts above this one, such as 500.00.")
@click.option("--currency", help="Only this currency, such as EUR.")
@click.option("--from", "from", metavar="TIME", help=RECORDED_FROM)
@click.option("--to", "to", metavar="TIME", help=RECORDED_TO)
@click.option(
    "--upto",
    metavar="SIZE",
    help="Only the first SIZE positions of the log [those of the last checkpoint].",
)
@click.option(
    "--strata", default="", help="Strata, with commas: kind, queue, currency, person, month [none]."
)
@click.option("--size", required=True, type=click.IntRange(min=1), help="Number of events to draw.")
@click.option("--seed", required=True, help="Any text; the same seed draws the same sample.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, path_type=Path),
    help="Draw from the population in this bundle, without a database.",
)
@AS_JSON
@click.pass_obj
def sample(
    settings: Settings,
    /,
    strata: str,
    size: int,
    seed: str,
    bundle: Path | None,
    as_json: bool,
    **options: str | None,
) -> None:
    """Draw a repeatable random sample of events, from the log or from a bundle.

    Each stratum gets a share in proportion to its size. Within a stratum, the events with the lowest
    SHA-256(seed, 0x00, leaf) are drawn.
    """
    require_seed(seed)
    given = {name: value for name, value in options.items() if value is not None}
    if bundle is not None:
        if given:
            names = ", ".join(f"--{name}" for name in given)
            raise click.UsageError(f"The bundle fixes its population: leave out {names}.")
        found = _sample_bundle(bundle, strata, size, seed)
    else:
        if "type" not in given:
            raise click.UsageError("Use --type or --bundle.")
        question = next(one for one in QUESTIONS if one.number == NUMBER)
        draw = {"strata": strata, "size": str(size), "seed": seed}
        parameters = parse_parameters(question, {**given, **draw})
        answered = answer_question(settings, question, parameters, "casetrail audit sample")
        if not as_json:
            render_recorded_answer(terminal.console(), answered)
            return
        found = answered.found.answer
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        render_answer(terminal.console(), found)


def _sample_bundle(place: Path, strata: str, size: int, seed: str) -> Sample:
    try:
        with open_bundle(place) as bundle:
            verdict = verify(bundle)
            if not verdict.verified:
                raise click.ClickException(
                    f"The bundle {place} is broken: `casetrail verify {place}` lists its errors."
                )
            question, names = verdict.question, parse_strata(strata)
            if question["ask"] != "population":
                raise click.ClickException(
                    f"{place} holds no population: make one with `casetrail audit population`."
                )
            key = parse_key(verdict.key or "")
            since = read_manifest((bundle / MANIFEST_FILE).read_bytes(), key)["since"]
            if since and "queue" in names:
                raise click.ClickException(
                    "A bundle made with --since cannot be split by queue: earlier queues are unknown."
                )
            members = read_members(bundle, question, names, since)
            return draw_sample_from(verdict.size or 0, members, names, size, seed)
    except BundleBroken as broken:
        raise click.ClickException(escape_for_terminal(broken.fault.detail)) from None
