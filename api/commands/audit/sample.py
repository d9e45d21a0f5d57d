"""casetrail audit sample"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from api.commands.audit.recording import account
from api.commands.options import AS_JSON
from api.commands.personal_data import noted
from api.commands.verify import shown
from api.composition import checkpoints_to_look_at, migrated_desks
from api.routes.questions.in_tables import tell
from api.routes.questions.question import Sources, answered, asking_of
from api.routes.questions.registry import QUESTIONS
from api.routes.questions.the_log import Sample, must_be_a_seed, sample_of, strata_of
from domain.people import OPERATOR
from infrastructure.evidence_store import EvidenceStore
from infrastructure.settings import Settings
from infrastructure.verifier.archives import opened_bundle
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.files import MANIFEST, Broken
from infrastructure.verifier.manifest import manifest_of
from infrastructure.verifier.notes import key_of
from infrastructure.verifier.samples import members_of

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
    must_be_a_seed(seed)
    asked = {name: said for name, said in told.items() if said is not None}
    if bundle is not None:
        if asked:
            raise click.UsageError("The population is the bundle's: leave out what it is of.")
        found = _of_bundle(bundle, strata, size, seed)
    else:
        if "type" not in asked:
            raise click.UsageError("Say --type, or --bundle.")
        question = next(one for one in QUESTIONS if one.number == NUMBER)
        more = {"strata": strata, "size": str(size), "seed": seed}
        with migrated_desks(settings) as desks, noted(desks, "casetrail audit sample"):
            evidence = EvidenceStore(settings.evidence_place)
            sources = Sources(desks, evidence, checkpoints_to_look_at(settings))
            asking = asking_of(question, {**asked, **more})
            found = answered(question, sources, asking, OPERATOR, account()).answer
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        tell(Console(highlight=False), found)


def _of_bundle(place: Path, strata: str, size: int, seed: str) -> Sample:
    try:
        with opened_bundle(place) as bundle:
            verdict = verify(bundle)
            if not verdict.verified:
                raise click.ClickException("The bundle is broken: `casetrail verify` says where.")
            question, names = verdict.question, strata_of(strata)
            if question["ask"] != "population":
                raise click.ClickException("It is no population: `casetrail audit population`.")
            key = key_of(verdict.key or "")
            since = manifest_of((bundle / MANIFEST).read_bytes(), key)["since"]
            if since and "queue" in names:
                raise click.ClickException("It has no queues of before its first event.")
            members = members_of(bundle, question, names, since)
            return sample_of(verdict.size or 0, members, names, size, seed)
    except Broken as broken:
        raise click.ClickException(shown(broken.fault.detail)) from None
