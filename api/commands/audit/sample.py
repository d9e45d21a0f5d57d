"""casetrail audit sample"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from api.commands.audit.recording import system_account
from api.commands.options import AS_JSON
from api.commands.personal_data import record_personal_reads
from api.commands.verify import escape_for_terminal
from api.composition import migrated_desks, read_only_checkpoints
from api.routes.questions.log import Sample, draw_sample_from, parse_strata, require_seed
from api.routes.questions.question import AnswerSources, answer_and_record, parse_parameters
from api.routes.questions.registry import QUESTIONS
from api.routes.questions.tables import render_answer
from domain.people import OPERATOR_ACTOR
from infrastructure.evidence_store import EvidenceStore
from infrastructure.settings import Settings
from infrastructure.verifier.archives import open_bundle
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.bundle_format import MANIFEST_FILE, BundleBroken
from infrastructure.verifier.manifest import read_manifest
from infrastructure.verifier.notes import parse_key
from infrastructure.verifier.samples import read_members

NUMBER = 12


@click.command()
@click.option("--type", "type", help="Of which events: adjustment.executed.")
@click.option("--kind", help="Of which kind: refund.")
@click.option("--over", help="Of more than this amount.")
@click.option("--currency", help="In this currency.")
@click.option("--from", "from", metavar="TIME", help="Recorded then or later: an RFC 3339 time.")
@click.option("--to", "to", metavar="TIME", help="Recorded before.")
@click.option(
    "--upto", metavar="SIZE", help="Of the first so many positions [the last checkpoint's]."
)
@click.option("--strata", default="", help="With commas: kind, queue, currency, person, month.")
@click.option("--size", required=True, type=click.IntRange(min=1), help="How many are drawn.")
@click.option("--seed", required=True, help="Any text.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, path_type=Path),
    help="Of the population of this bundle, without a database.",
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
    **told: str | None,
) -> None:
    """Draw a sample that whoever has the seed draws again: from the log, or from a bundle.

    Parted into strata, each in proportion to its size; within one by SHA-256(seed, 0x00, leaf).
    """
    require_seed(seed)
    asked = {name: said for name, said in told.items() if said is not None}
    if bundle is not None:
        if asked:
            raise click.UsageError("The population is the bundle's: leave out what it is of.")
        found = _sample_bundle(bundle, strata, size, seed)
    else:
        if "type" not in asked:
            raise click.UsageError("Say --type, or --bundle.")
        question = next(one for one in QUESTIONS if one.number == NUMBER)
        more = {"strata": strata, "size": str(size), "seed": seed}
        with (
            migrated_desks(settings) as desks,
            record_personal_reads(desks, "casetrail audit sample"),
        ):
            evidence = EvidenceStore(settings.evidence_place)
            sources = AnswerSources(desks, evidence, read_only_checkpoints(settings))
            asking = parse_parameters(question, {**asked, **more})
            found = answer_and_record(
                question, sources, asking, OPERATOR_ACTOR, system_account()
            ).answer
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        render_answer(Console(highlight=False), found)


def _sample_bundle(place: Path, strata: str, size: int, seed: str) -> Sample:
    try:
        with open_bundle(place) as bundle:
            verdict = verify(bundle)
            if not verdict.verified:
                raise click.ClickException("The bundle is broken: `casetrail verify` says where.")
            question, names = verdict.question, parse_strata(strata)
            if question["ask"] != "population":
                raise click.ClickException("It is no population: `casetrail audit population`.")
            key = parse_key(verdict.key or "")
            since = read_manifest((bundle / MANIFEST_FILE).read_bytes(), key)["since"]
            if since and "queue" in names:
                raise click.ClickException("It has no queues of before its first event.")
            members = read_members(bundle, question, names, since)
            return draw_sample_from(verdict.size or 0, members, names, size, seed)
    except BundleBroken as broken:
        raise click.ClickException(escape_for_terminal(broken.fault.detail)) from None
