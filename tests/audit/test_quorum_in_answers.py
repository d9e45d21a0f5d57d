"""Questions 10 and 25 say how far the quorum of witnesses that policy names has cosigned the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from api.routes.questions.wording.witnesses import loss_and_quorum, witness_sections
from application.audit.control import Control, ControlOutcome
from application.audit.database_state import check_quorum_cosigned
from application.audit.log_scan import LogScan
from application.policy.reperformance import Period
from infrastructure.postgres.datastore import connect
from infrastructure.reports.control_state import ControlState
from infrastructure.transparency.range_check import RangeCheck, check_range
from infrastructure.transparency.signing_keys import Signer, open_cosigner
from infrastructure.transparency.stored_checkpoints import latest_checkpoint, store_signature
from infrastructure.verifier.notes import split_note
from infrastructure.verifier.trust_policy import NO_WITNESS, Group, TrustPolicy, Witness
from tests.audit.test_control_operation import Watched, case_of, watched
from tests.domain.signals import after

__all__ = ["watched"]
NAMES = ("auditor", "bank", "club")
HOUR = timedelta(hours=1)


class Quorum:
    """Two of three witnesses, whose cosignatures have the times of the story."""

    def __init__(self, watched: Watched, home: Path) -> None:
        self.watched = watched
        self.signers = {name: open_cosigner(home / name) for name in NAMES}
        witnesses = [Witness(name, one.key) for name, one in self.signers.items()]
        self.policy = TrustPolicy([], witnesses, {"outside": Group(2, NAMES)}, "outside")

    def cosign(self, at: datetime, *names: str, by: Signer | None = None) -> None:
        """Cosign the last checkpoint; `by` makes the lines under those keys."""
        with connect(self.watched.dsn) as connection:
            found = latest_checkpoint(connection)
            assert found is not None
            text, _ = split_note(found.note.encode())
            for name in names:
                signer = self.signers[name]
                line = (by or signer).cosignature(text, int(at.timestamp()))
                if by is not None:  # a line that says it is of this key
                    own = signer.cosignature(text, 1)
                    line = own[:-40] + line[-40:]
                store_signature(connection, found, signer.key, line)

    def grow(self, events: int, at: float) -> None:
        world = self.watched.world
        for n in range(events):
            version = world.of("o-1").version
            by = world.by("ana", at + n / 100)
            world.desk.note(case_of(self.watched), version, f"Note {n}.", by)

    def control(self, at: float, policy: TrustPolicy | None = None) -> Control:
        log = self.watched.world.log
        policy = self.policy if policy is None else policy
        state = ControlState(self.watched.datastore, policy)
        scan, period = LogScan(log, log.head()), Period(None, after(at))
        return check_quorum_cosigned(scan, state, period, HOUR, after(at))

    def told(self, at: float) -> list[str]:
        return [one.detail for one in self.control(at).exceptions]

    def check(self, policy: TrustPolicy | None = None) -> RangeCheck:
        with connect(self.watched.dsn) as connection:
            policy = self.policy if policy is None else policy
            found = self.watched.checkpoints
            return check_range(connection, found, 1, None, None, witnesses=policy)

    def said(self) -> str:
        return " ".join(loss_and_quorum(self.check()))


@pytest.fixture
def quorum(watched: Watched, tmp_path: Path) -> Quorum:
    return Quorum(watched, tmp_path)


def test_without_a_policy_there_is_nothing_to_control_and_question_10_says_what_is_not_proven(
    quorum: Quorum,
) -> None:
    assert quorum.control(9, NO_WITNESS).operated is ControlOutcome.NOTHING_TO_DO
    found = quorum.check(NO_WITNESS)
    assert (found.witnesses.quorum, found.witnesses.covered) == (None, 0)
    assert "No witness is configured" in " ".join(loss_and_quorum(found))


def test_a_quorum_that_was_never_reached_is_reported_with_the_time_since(quorum: Quorum) -> None:
    head = quorum.watched.world.log.head()
    quorum.cosign(after(8.6), "auditor")
    assert quorum.told(9) == ["position 1 and all after it are not cosigned yet"]
    found = quorum.check().witnesses
    assert (found.quorum, found.covered, found.at) == ("2 of (auditor, bank, club)", 0, None)
    assert (found.not_covered, found.not_covered_since) == (head, after(-48))
    assert [(one.witness, one.size) for one in found.witnesses] == [
        ("auditor", head),
        ("bank", 0),
        ("club", 0),
    ]
    assert f"IT IS NOT REACHED: no quorum has cosigned any of the {head} events" in quorum.said()


def test_what_the_quorum_covers_and_the_gap_after_it_are_told(quorum: Quorum) -> None:
    head = quorum.watched.world.log.head()
    quorum.cosign(after(8.6), "auditor", "club")
    quorum.cosign(after(8.7), "bank")
    found = quorum.check().witnesses
    assert (found.covered, found.at, found.not_covered) == (head, after(8.6), 0)
    assert "No event is without its cosignatures." in quorum.said()
    quorum.grow(3, 10)
    quorum.watched.witness(after(10.5))
    quorum.cosign(after(10.6), "bank")
    found = quorum.check().witnesses
    assert (found.covered, found.not_covered, found.not_covered_since) == (head, 3, after(10))
    assert f"positions {head + 1} to {head + 3} are not cosigned by a quorum yet" in quorum.said()
    assert quorum.told(10.9)[1:] == []
    assert quorum.told(12)[1:] == [f"position {head + 1} and all after it are not cosigned yet"]
    quorum.cosign(after(13), "club")
    (_, late) = quorum.told(14)
    assert late == f"positions {head + 1} to {head + 3} were cosigned after up to 3 h"
    evidence = quorum.control(14).evidence
    assert (evidence["quorum"], evidence["checkpoints"]) == ("2 of (auditor, bank, club)", "2")
    (_, listed) = witness_sections(quorum.check())
    assert [one.heading.partition(":")[0] for one in listed.items] == [*NAMES]


def test_a_cosignature_that_is_not_valid_does_not_count(quorum: Quorum) -> None:
    """Other roles of the database can add rows."""
    quorum.cosign(after(8.6), "auditor")
    quorum.cosign(after(8.6), "bank", by=quorum.signers["auditor"])
    assert quorum.check().witnesses.covered == 0
    assert quorum.told(9) == ["position 1 and all after it are not cosigned yet"]


def test_the_period_holds_only_the_gaps_that_began_in_it(quorum: Quorum) -> None:
    quorum.cosign(after(8.6), "auditor", "club")
    assert [one.at for one in quorum.control(9).exceptions] == [after(-48)]
    log, state = quorum.watched.world.log, ControlState(quorum.watched.datastore, quorum.policy)
    scan, period = LogScan(log, log.head()), Period(after(8), after(9))
    found = check_quorum_cosigned(scan, state, period, HOUR, after(9))
    assert (found.operated, found.looked_at) == (ControlOutcome.YES, 1)
