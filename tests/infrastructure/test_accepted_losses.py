"""Two people accept that the last events are gone: the log goes on under a new origin and shows it for ever."""

from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from api.composition import desks
from api.configured_checkpoints import checkpoints_of, verified_checkpoints
from application.log.caller import operator_caller
from domain.grants import ChangePersonStatus, LinkPersonName
from domain.losses import LOSSES_STREAM, LossAccepted
from infrastructure.doctor.findings import Verdict
from infrastructure.event_store import loss_acceptance
from infrastructure.postgres.datastore import LogHalted, connect
from infrastructure.transparency.acknowledged import AcknowledgedHeads
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.verifier.notes import open_checkpoint
from tests.lost_tails import Site, run_command
from tests.tampering import without_triggers


def test_the_log_goes_on_under_a_new_origin_that_names_what_was_lost(lost: Site) -> None:
    accepted = lost.accept()
    assert accepted.exit_code == 0, accepted.output
    lost.append(2)
    lost.sign()
    (loss,) = lost.origins().losses
    event, name = loss.event, checkpoints_of(lost.settings).signer.key.name
    assert (event.origin, event.before, loss.position) == (f"{name}/2", name, lost.kept + 1)
    assert (event.kept, event.last, event.signed) == (lost.kept, lost.kept + 4, lost.kept + 2)
    assert [one.position for one in event.missing] == [lost.kept + n for n in (1, 2, 3, 4)]
    assert (
        event.matched == lost.kept
    )  # the lost leaves and those that are left have the signed root
    assert (event.requested_by, event.confirmed_by) == ("ana", "ben")
    checkpoints = verified_checkpoints(lost.settings, lost.dsn)
    outside = checkpoints.outside.of_origin(2)
    made = open_checkpoint(outside.latest() or b"", checkpoints.signer_of(2).key)
    assert (made.origin, made.size) == (f"{name}/2", lost.kept + 3)
    assert made.extension.startswith(f"lost {lost.kept + 1} {lost.kept + 4} {name} {event.signed} ")
    before = open_checkpoint(checkpoints.outside.latest() or b"", checkpoints.signer.key)
    assert (before.size, before.root.hex()) == (event.signed, event.signed_root)
    found = lost.examined()
    assert found["whole log"].verdict is Verdict.OK, found["whole log"]
    assert found["checkpoints outside"].verdict is Verdict.OK
    assert found["accepted loss"].verdict is Verdict.WARNING


def test_question_10_and_25_show_it_for_ever(lost: Site) -> None:
    lost.accept()
    lost.append(3)
    lost.sign()
    code, answer = lost.ask(10)
    assert (code, answer["unaltered"], answer["as_signed"]) == (1, False, True)
    (shown,) = answer["losses"]
    assert (shown["position"], shown["last"]) == (lost.kept + 1, lost.kept + 4)
    assert (shown["requested_by"], shown["confirmed_by"]) == ("ana", "ben")
    asked = run_command(lost.settings, "audit", "ask", "10", "--last", str(lost.kept), "--json")
    earlier = msgspec.json.decode(asked.stdout)["answer"]
    assert (earlier["unaltered"], len(earlier["losses"])) == (True, 1)
    code, answer = lost.ask(25)
    (control,) = [one for one in answer["controls"] if one["name"] == "nothing_lost"]
    assert (code, control["operated"], control["exceptions_in_all"]) == (1, "no", 1)
    asked = run_command(lost.settings, "audit", "ask", "25", "--from", "2090-01-01", "--json")
    (control,) = [
        one
        for one in msgspec.json.decode(asked.stdout)["answer"]["controls"]
        if one["name"] == "nothing_lost"
    ]
    assert (control["operated"], len(control["evidence"])) == ("yes", 1)


def test_one_person_cannot_do_it_alone(lost: Site) -> None:
    asked = run_command(
        lost.settings, "log", "accept-loss", "--reason", "It is gone.", token=lost.ana
    )
    assert asked.exit_code == 0, asked.output
    again = run_command(lost.settings, "log", "confirm-loss", token=lost.ana)
    assert "another one confirms it" in again.output
    other = run_command(lost.settings, "log", "confirm-loss", token=lost.hugo)
    assert "hugo may not do this" in other.output
    unknown = run_command(lost.settings, "log", "confirm-loss", token="ct_unknown")
    assert "the key is not known" in str(unknown.exception)
    assert lost.origins().number == 1
    with pytest.raises(LogHalted):
        lost.append()


def test_another_name_of_the_same_person_does_not_confirm_it(site: Site) -> None:
    with desks(site.dsn) as working:
        caller = operator_caller(working.clock())
        working.people.same_as(
            "ana", LinkPersonName(other="ben", reason="One human, two accounts."), caller
        )
    site.kept = site.head()
    site.append()
    site.lose()
    asked = run_command(site.settings, "log", "accept-loss", "--reason", "x", token=site.ana)
    assert asked.exit_code == 0, asked.output
    other = run_command(site.settings, "log", "confirm-loss", token=site.ben)
    assert "another one confirms it" in other.output
    assert site.origins().number == 1


def test_an_agent_or_a_person_who_has_left_does_not_accept_it(site: Site) -> None:
    with desks(site.dsn) as working:
        now = working.clock()
        working.principals_desk.register_agent("ana", "bot", now)
        agent = working.people.issue_token("ana", now, agent="bot")
    site.kept = site.head()
    site.append()
    site.lose()
    asked = run_command(site.settings, "log", "accept-loss", "--reason", "x", token=agent)
    assert "An agent or a delegate cannot do this" in asked.output
    run_command(site.settings, "log", "accept-loss", "--reason", "x", token=site.ana)
    with connect(site.dsn) as connection:
        connection.execute("SELECT lift_halt()")
    with desks(site.dsn) as working:
        caller = operator_caller(working.clock())
        working.people.leave("ana", ChangePersonStatus(reason="She left."), caller)
    late = run_command(site.settings, "log", "confirm-loss", token=site.ben)
    assert "ana has asked for it, and may not any more" in late.output


def test_a_request_that_nobody_signed_is_not_confirmed(lost: Site) -> None:
    alone = run_command(lost.settings, "log", "confirm-loss", token=lost.ben)
    assert "nobody has asked for this" in alone.output.lower()
    run_command(lost.settings, "log", "accept-loss", "--reason", "It is gone.", token=lost.ana)
    file = Path(lost.settings.checkpoint_place) / "loss-request.2"
    file.write_bytes(file.read_bytes().replace(b"It is gone", b"It is fine"))
    forged = run_command(lost.settings, "log", "confirm-loss", token=lost.ben)
    assert "cannot be used" in forged.output
    assert lost.origins().number == 1


def test_a_request_is_void_if_more_turns_out_to_be_missing(lost: Site) -> None:
    run_command(lost.settings, "log", "accept-loss", "--reason", "It is gone.", token=lost.ana)
    lost.lose(lost.kept - 1)
    late = run_command(lost.settings, "log", "confirm-loss", token=lost.ben)
    assert late.exit_code != 0
    assert lost.origins().number == 1


def test_a_loss_that_did_not_happen_is_not_accepted(site: Site) -> None:
    site.append()
    asked = run_command(
        site.settings, "log", "accept-loss", "--reason", "x", "--follower", "bi=999", token=site.ana
    )
    assert "Nothing is missing" in asked.output
    site.append()  # the log is not halted


def test_an_altered_event_is_no_loss(lost: Site) -> None:
    with connect(lost.dsn) as connection, without_triggers(connection):
        connection.execute(
            "UPDATE stored_events SET leaf = sha256(leaf) WHERE notification_id = %s", (lost.kept,)
        )
        connection.execute("DELETE FROM log_nodes")
    asked = run_command(lost.settings, "log", "accept-loss", "--reason", "x", token=lost.ana)
    assert "cannot be accepted" in asked.output
    assert not [*Path(lost.settings.checkpoint_place).glob("loss-request*")]


def test_an_event_that_was_replaced_before_the_end_is_no_loss_even_without_a_checkpoint_of_it(
    lost: Site,
) -> None:
    """The known leaves of the lost events, with those that are left, must have the root that was signed."""
    checkpoints = Path(lost.settings.checkpoint_place)
    signed = f"{lost.kept + 2:020d}"
    for file in checkpoints.iterdir():
        if file.name not in (signed, "latest", "keys"):
            file.unlink(missing_ok=True)
    with connect(lost.dsn) as connection, without_triggers(connection):
        connection.execute("DELETE FROM checkpoints")
        connection.execute("DELETE FROM log_nodes")
        connection.execute("UPDATE stored_events SET leaf = sha256(leaf) WHERE notification_id = 2")
    asked = run_command(lost.settings, "log", "accept-loss", "--reason", "x", token=lost.ana)
    assert "an event that is left was altered" in asked.output


@pytest.mark.parametrize("stage", ["_sign", "_append"])
def test_an_interrupted_acceptance_is_finished_as_it_was_confirmed(
    lost: Site, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Killed before or after the signature is kept outside: nothing was appended."""
    whole = getattr(loss_acceptance, stage)

    def killed(*given: Any) -> None:
        if stage == "_sign":
            whole(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loss_acceptance, stage, killed)
        assert lost.accept().exit_code != 0
    assert lost.head() == lost.kept
    with pytest.raises(LogNotAsWitnessed, match="`casetrail log accept-loss` finishes that"):
        verified_checkpoints(lost.settings, lost.dsn)
    done = run_command(lost.settings, "log", "confirm-loss", token=lost.hugo)
    assert "interrupted is finished" in done.output
    lost.append()
    lost.sign()
    assert lost.origins().number == 2
    assert lost.examined()["whole log"].verdict is Verdict.OK


def test_two_confirmations_at_once_accept_one_loss(lost: Site) -> None:
    run_command(lost.settings, "log", "accept-loss", "--reason", "It is gone.", token=lost.ana)
    checkpoints = checkpoints_of(lost.settings)
    request = loss_acceptance.read_request(checkpoints, 2)
    done: list[object] = []

    def confirm() -> None:
        with connect(lost.dsn) as connection:
            try:
                found = loss_acceptance.accept_loss(
                    connection, checkpoints_of(lost.settings), request, "ben", request.at
                )
                done.append(found.position)
            except Exception as error:  # noqa: BLE001 - the test asserts on it
                done.append(error)

    threads = [Thread(target=confirm) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(one, int) for one in done) == [False, True], done
    assert len(lost.origins().losses) == 1


def test_the_event_is_read_as_it_was_stored(lost: Site) -> None:
    lost.accept()
    with desks(lost.dsn) as working:
        (line,) = working.log.trail(LOSSES_STREAM)
    assert isinstance(line.event, LossAccepted)
    assert line.actor.person == "ana"


@pytest.mark.parametrize("name", ["numbers", "known", "recent"])
def test_a_service_that_appends_meanwhile_has_lost_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    read = getattr(AcknowledgedHeads, name)
    appended = []

    def read_while_a_service_appends(self: AcknowledgedHeads, *given: int) -> object:
        if not appended:
            appended.append(name)
            site.append(3)
        return read(self, *given)

    monkeypatch.setattr(AcknowledgedHeads, name, read_while_a_service_appends)
    told = run_command(site.settings, "log", "loss")
    assert appended == [name]
    assert "Nothing is missing: the log has" in told.output
