"""Questions 23 and 25 in words: the builds that wrote the log, and the controls."""

from typing import Final

from api.routes.questions.control import BuildsParameters, ControlsParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.wording.context import in_period, log_range, subject
from api.routes.questions.words import (
    Item,
    Section,
    Words,
    at,
    if_any,
    length,
    many,
    names,
    plain,
    readable,
    short,
    table_if_any,
)
from application.audit.builds import BuildReport, SeenBuild
from application.audit.control import TITLES, Control, ControlOutcome
from application.audit.control_operation import STATE_NOW, ControlsOperated

_LOOKED_AT: Final = {
    "log_witnessed": ("signed checkpoint", "signed checkpoints"),
    "quorum_cosigned": ("cosigned checkpoint", "cosigned checkpoints"),
    "duties_apart": ("case with money", "cases with money"),
    "duty_rows": ("row", "rows"),
    "paid_as_approved": ("order or payment", "orders and payments"),
    "reconciled_each_day": ("day with payments", "days with payments"),
    "policies_by_two": ("policy that took effect", "policies that took effect"),
    "grants_by_two": ("active grant that takes two people", "active grants that take two people"),
    "access_reviewed": ("review or time that was overdue", "reviews or times that were overdue"),
    "emergencies_reviewed": ("opened break-glass", "opened break-glasses"),
    "nobody_after_the_end": ("end of an authority", "ends of an authority"),
    "time_kept": ("due event", "due events"),
    "reports_kept": ("report", "reports"),
    "builds_known": ("build", "builds"),
    "nothing_lost": ("log", "logs"),
}
"""What each control looks at: one, and several."""
_OUTCOMES = {
    ControlOutcome.YES: "operated",
    ControlOutcome.NO: "DID NOT OPERATE",
    ControlOutcome.NOTHING_TO_DO: "not tested: there was nothing that it applies to",
}


def which_build(sources: AnswerSources, given: BuildsParameters, found: BuildReport) -> Words:
    unknown = [one for one in found.events if not one.builds]
    says = [
        f"{many(len(found.builds), 'build')} "
        f"{'has' if len(found.builds) == 1 else 'have'} written to the log: "
        f"{names((f'{x.build.version} ({short(x.build.build)})' for x in found.builds), 'none is recorded')}."
    ]
    if found.events:
        certain = sum(one.is_certain for one in found.events)
        says.insert(
            0,
            f"Of {many(len(found.events), 'event')}, {certain:,} can only have been "
            "written by one build; "
            f"{len(found.events) - certain - len(unknown):,} by one of several, and "
            f"{len(unknown):,} by a build that is not known.",
        )
    else:
        says.append(
            "No event was named, so this is the list of builds. With --position or "
            "--case it says which may have written an event."
        )
    if given.case is not None:
        says.append(subject(sources, given.case).sentence)
    return Words(
        says=says,
        searched=f"every record of a build in {log_range(sources)}. A process that is running "
        "goes on with its own build, so an event may be by any build recorded before "
        "it.",
        next_steps=[
            "Build the commit yourself and compare the digest of its files (docs/controls.md)."
        ],
        sections=[
            *table_if_any(
                "Events, and the builds that may have written them",
                ("position", "recorded at", "event", "builds, newest first"),
                [
                    (
                        f"{one.position:,}",
                        at(one.recorded_at),
                        one.type,
                        names(map(short, one.builds), "unknown"),
                    )
                    for one in found.events
                ],
            ),
            *if_any("Builds", [*map(_build, found.builds)]),
        ],
    )


def _build(one: SeenBuild) -> Item:
    build = one.build
    return Item(
        f"from {at(one.since)} (position {one.position:,}): version {build.version}, "
        f"build {short(build.build)}",
        [
            f"commit {build.commit}" if build.commit else "no commit is recorded",
            f"digest of its files {short(build.files)}; {build.python}",
            f"schema: {many(len(build.migrations), 'migration')}, the last is "
            f"{max(build.migrations, default='none')}",
            "libraries: "
            f"{', '.join(f'{name} {version}' for name, version in build.libraries.items())}",
        ],
    )


def did_it_operate(
    sources: AnswerSources, given: ControlsParameters, found: ControlsOperated
) -> Words:
    by = {
        outcome: [x.title for x in found.controls if x.operated is outcome]
        for outcome in ControlOutcome
    }
    failed, tested = by[ControlOutcome.NO], by[ControlOutcome.YES]
    in_time = [name for name in tested if name not in (TITLES[x] for x in STATE_NOW)]
    if failed:
        said = (
            f"NO: {len(failed)} of {len(found.controls)} controls did not operate: {names(failed)}."
        )
    elif found.all_operated:
        said = (
            f"Yes, as far as they were tested: {len(tested)} of {len(found.controls)} "
            "controls operated."
        )
    else:
        said = "It cannot be said: nothing in the period could test a control."
    now = [name for name in tested if name not in in_time]
    untested = by[ControlOutcome.NOTHING_TO_DO]
    return Words(
        says=[
            said,
            *([f"As they are now, not in the period: {names(now)}."] if now else []),
            *(
                [f"Not tested, because there was nothing that they apply to: {names(untested)}."]
                if untested
                else []
            ),
        ],
        searched=f"events must be signed, and cosigned by the quorum of witnesses, within {length(given.witnessed_within)}, and due "
        f"events recorded within {length(given.late_after)}. "
        "Rows of duties, reports, overdue timers and a halt are as they are now, not "
        "as in the period. " + in_period(sources, given),
        next_steps=[
            "docs/controls.md says how each control is checked.",
            *(
                ["Question 15 has each break-glass and policy edit, question 18 each payment."]
                if failed
                else []
            ),
        ],
        sections=[Section(title="Controls", items=[*map(_control, found.controls)])],
    )


def _control(one: Control) -> Item:
    lines = [f"it operates if {one.holds_if}", _looked_at(one)]
    if one.exceptions:
        lines.append(f"{many(one.exceptions_in_all, 'exception')}:")
    for wrong in one.exceptions:
        when = f"{at(wrong.at)}  " if wrong.at is not None else ""
        named = wrong.position is None or wrong.detail.startswith("position")
        where = "" if named else f" (position {wrong.position:,})"
        lines.append(f"- {when}{readable(wrong.detail)}{where}")
    if one.exceptions_in_all > len(one.exceptions):
        lines.append(f"- and {one.exceptions_in_all - len(one.exceptions):,} more")
    return Item(f"{one.title}: {_OUTCOMES[one.operated]}", lines)


def _looked_at(one: Control) -> str:
    """`looked at: 7 cases with money`."""
    item, items = _LOOKED_AT.get(one.name, ("item", "items"))
    return f"looked at: {many(one.looked_at, item, items)}{_evidence(one)}"


def _evidence(one: Control) -> str:
    said = []
    for name, value in one.evidence.items():
        if name.endswith("_seconds"):
            said.append(f"{plain(name.removesuffix('_seconds'))} {length(float(value))}")
        else:
            said.append(f"{plain(name)} {value}")
    return f"; {', '.join(said)}" if said else ""
