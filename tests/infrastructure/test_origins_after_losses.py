"""After an accepted loss, checkpoints, starts, witnesses, keys and bundles follow the new origin."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from api.configured_checkpoints import checkpoints_of, verified_checkpoints
from application.log.event_codec import from_state, to_stored
from application.log.recorder import leaf_digest
from domain.losses import LOSSES_STREAM, LostEvent
from domain.merkle.tree import root_at
from infrastructure.doctor.findings import Verdict
from infrastructure.postgres.datastore import LogHalted, connect
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.cosignatures import open_witness_clients
from infrastructure.transparency.export import Export
from infrastructure.transparency.nodes import fill_all_nodes, read_head, read_nodes
from infrastructure.transparency.signing_keys import open_cosigner
from infrastructure.transparency.stored_checkpoints import store_checkpoint
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.notes import Checkpoint, open_checkpoint
from infrastructure.witness.cosigned_state import CosignedState
from tests.infrastructure.bundles import verify_with_node
from tests.infrastructure.test_witness import serve_witness
from tests.lost_tails import Site, run_command
from tests.tampering import without_triggers


def test_a_bundle_after_a_loss_verifies_and_shows_it(lost: Site, tmp_path: Path) -> None:
    lost.accept()
    lost.append()
    lost.sign()
    checkpoints = checkpoints_of(lost.settings)
    with connect(lost.dsn) as connection, connection.transaction():
        Export(connection, checkpoints.signer, tmp_path / "bundle").everything()
    verdict = verified_by_both(tmp_path / "bundle", checkpoints.signer_of(2).key.text)
    assert verdict["verified"], verdict["faults"]
    (shown,) = verdict["losses"]
    assert (shown["first"], shown["last"]) == (lost.kept + 1, lost.kept + 4)
    assert not verified_by_both(tmp_path / "bundle", checkpoints.signer.key.text)["verified"]


def verified_by_both(bundle: Path, key: str) -> dict[str, Any]:
    """The verdict, which both verifiers agree on."""
    ours = msgspec.json.decode(msgspec.json.encode(verify(bundle, key).document))
    theirs = verify_with_node(bundle, key)
    places = [(one["code"], one["file"], one["position"]) for one in ours["faults"]]
    assert places == [(one["code"], one["file"], one["position"]) for one in theirs["faults"]]
    assert {**ours, "faults": []} == {**theirs, "faults": []}
    return dict(ours)


def altered_bundle(site: Site, place: Path, **changes: object) -> dict[str, Any]:
    """A bundle of a log whose owner has stored and signed another acceptance of the loss."""
    site.accept()
    checkpoints = checkpoints_of(site.settings)
    extension = site.origins().extension
    with connect(site.dsn) as connection:
        (row,) = connection.execute(
            "SELECT state FROM stored_events WHERE originator_id = %s", (LOSSES_STREAM,)
        ).fetchall()
        line = from_state(0, bytes(row[0]))
        state = to_stored(structs.replace(line, event=structs.replace(line.event, **changes))).state
        with without_triggers(connection):
            connection.execute(
                "UPDATE stored_events SET state = %s, leaf = %s WHERE originator_id = %s",
                (state, leaf_digest(state), LOSSES_STREAM),
            )
            connection.execute("DELETE FROM log_nodes")
        fill_all_nodes(connection)
        size = read_head(connection)
        root = root_at(size, partial(read_nodes, connection))
        signer = checkpoints.signer_of(2)
        made = Checkpoint(signer.key.name, size, root, extension)
        store_checkpoint(connection, 2, made, signer.signed(made.text))
        with connection.transaction():
            Export(connection, checkpoints.signer, place).everything()
    return verified_by_both(place, signer.key.text)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"last": 99}, "is not the one that the checkpoint names"),
        ({"signed_root": "00" * 32}, "is not the one that the checkpoint names"),
        ({"kept_root": "00" * 32}, "do not have the root that the accepted loss names"),
    ],
)
def test_both_verifiers_compare_the_acceptance_with_the_checkpoint_and_the_tree(
    lost: Site, tmp_path: Path, changes: dict[str, object], detail: str
) -> None:
    (fault,) = altered_bundle(lost, tmp_path / "b", **changes)["faults"]
    assert (fault["code"], fault["position"]) == ("loss", lost.kept + 1)
    assert detail in fault["detail"]


def test_both_verifiers_compute_the_root_before_the_loss_from_the_lost_leaves(
    lost: Site, tmp_path: Path
) -> None:
    missing = [LostEvent(position=lost.kept + n, leaf="ab" * 32) for n in (1, 2)]
    (fault,) = altered_bundle(lost, tmp_path / "b", missing=tuple(missing))["faults"]
    assert "the lost leaves do not have the root that was signed" in fault["detail"]


def test_the_first_start_after_the_append_signs_the_new_origin(lost: Site) -> None:
    lost.accept()
    with connect(lost.dsn) as connection:
        rows = connection.execute("SELECT max(origin_number) FROM checkpoints").fetchall()
    assert rows == [(1,)]
    verified_checkpoints(lost.settings, lost.dsn)
    lost.sign()
    with connect(lost.dsn) as connection:
        rows = connection.execute("SELECT max(origin_number) FROM checkpoints").fetchall()
    assert rows == [(2,)]


def test_an_event_alone_accepts_nothing(lost: Site) -> None:
    """Every role that appends could append it; only the key outside can sign the origin."""
    lost.accept()
    place = Path(lost.settings.checkpoint_place)
    for file in place.glob("*.2"):
        file.unlink()
    with pytest.raises(LogNotAsWitnessed, match="no signed checkpoint of"):
        verified_checkpoints(lost.settings, lost.dsn)
    with pytest.raises(LogHalted):
        lost.append()


def test_a_log_without_the_event_is_found_by_the_signature_of_its_origin(lost: Site) -> None:
    """A restore to before the acceptance brings back a log that people have given up."""
    lost.accept()
    lost.append(3)
    lost.sign()
    lost.lose(lost.kept)
    with pytest.raises(LogNotAsWitnessed, match="4 are missing"):
        verified_checkpoints(lost.settings, lost.dsn)


def test_a_second_loss_begins_a_third_origin(lost: Site) -> None:
    lost.accept()
    lost.append(6)
    lost.sign()
    lost.lose(lost.kept + 3)
    accepted = lost.accept()
    assert accepted.exit_code == 0, accepted.output
    lost.append()
    lost.sign()
    first, second = lost.origins().losses
    assert (second.event.before, second.number) == (first.event.origin, 3)
    verified_checkpoints(lost.settings, lost.dsn)
    found = lost.examined()
    assert found["whole log"].verdict is Verdict.OK, found["whole log"]
    made = checkpoints_of(lost.settings).last_external()
    assert made is not None
    assert made.extension.count("\n") == 2


def test_a_later_loss_that_takes_the_acceptance_too_goes_on_from_both(lost: Site) -> None:
    lost.accept()
    lost.append(3)
    lost.sign()
    lost.lose(lost.kept - 1)
    accepted = lost.accept()
    assert accepted.exit_code == 0, accepted.output
    (loss,) = lost.origins().losses
    assert loss.event.origin.endswith("/3")
    lost.append()
    lost.sign()
    verified_checkpoints(lost.settings, lost.dsn)
    assert lost.examined()["whole log"].verdict is Verdict.OK


def test_a_loss_that_only_the_table_and_single_rows_tell_of(site: Site) -> None:
    """After a restore of single tables, the checkpoints of lost positions are still in the database."""
    site.append(4)
    site.sign()
    site.lose(keep_checkpoints=True)
    accepted = site.accept()
    assert accepted.exit_code == 0, accepted.output
    site.append(3)
    site.sign()  # the same size as before, under another origin
    verified_checkpoints(site.settings, site.dsn)
    found = site.examined()
    assert found["whole log"].verdict is Verdict.OK, found["whole log"]
    assert site.ask(25)[0] == 1


def test_a_key_is_rotated_after_a_loss(lost: Site) -> None:
    lost.accept()
    lost.append()
    rotated = run_command(lost.settings, "audit", "rotate-key")
    assert rotated.exit_code == 0, rotated.exception
    lost.append()
    lost.sign()
    verified_checkpoints(lost.settings, lost.dsn)
    found = lost.examined()
    assert found["whole log"].verdict is Verdict.OK, found["whole log"]


def test_the_printed_key_verifies_what_the_log_signs_after_each_loss(
    lost: Site, tmp_path: Path
) -> None:
    first = run_command(lost.settings, "audit", "key").stdout
    printed = [first]
    for number in (2, 3):
        if number == 3:
            lost.kept = lost.head()
            lost.append(2)
            lost.sign()
            lost.append()
            lost.lose()
        lost.accept()
        lost.append()
        lost.sign()
        printed.append(run_command(lost.settings, "audit", "key").stdout)
        bundle = tmp_path / str(number)
        exported = run_command(lost.settings, "audit", "export", "--out", str(bundle))
        assert exported.exit_code == 0, exported.output
        assert verified_by_both(bundle, printed[-1].strip())["verified"]
        assert not verified_by_both(bundle, printed[-2].strip())["verified"]
    listed = run_command(lost.settings, "audit", "key", "--all").stdout.splitlines()
    assert [line.split(" ", 2)[2] for line in listed] == [key.strip() for key in printed]
    rotated = run_command(lost.settings, "audit", "rotate-key").stdout
    assert rotated == run_command(lost.settings, "audit", "key").stdout
    assert rotated.split("+")[0] == printed[-1].split("+")[0]
    after = run_command(lost.settings, "audit", "key", "--all").stdout.splitlines()
    spans = [line.split(" ")[:2] for line in after]
    assert [line.split(" ", 2)[2] for line in after] == [
        *(key.strip() for key in printed),
        rotated.strip(),
    ]
    assert [int(until) for _, until in spans[:-1]] == sorted(int(until) for _, until in spans[:-1])
    assert spans[-1] == [str(lost.head()), "-"]


def test_the_checkpoint_of_one_origin_does_not_pass_for_another(lost: Site) -> None:
    """Both are signed by the same private key."""
    checkpoints = checkpoints_of(lost.settings)
    before, after = checkpoints.signer_of(1), checkpoints.signer_of(2)
    note = checkpoints.outside.latest() or b""
    text = note.decode().split("\n\n")[0] + "\n"
    forged = f"{text}\n{after.signature(text)}".encode()
    assert open_checkpoint(note, before.key).size == lost.kept + 2
    with pytest.raises(ValueError, match="is a checkpoint of"):
        open_checkpoint(forged, after.key)


@pytest.fixture
def witnessed(site: Site, tmp_path: Path) -> Iterator[Site]:
    """A log of which only a witness knows the last positions."""
    folder, checkpoints = tmp_path / "witness", checkpoints_of(site.settings)
    keys = [checkpoints.signer_of(number).key for number in (1, 2)]
    state = CosignedState(folder, open_cosigner(folder / "k"), keys)
    with serve_witness(state) as url:
        site.settings = structs.replace(site.settings, witness=f"{url} {state.cosigner.key.text}")
        yield site


def cosign(site: Site) -> None:
    client = open_witness_clients(site.settings, checkpoints_of(site.settings))
    assert client is not None
    with connect(site.dsn) as connection:
        client.cosign_latest(connection)


def test_a_witness_keeps_both_origins(witnessed: Site, tmp_path: Path) -> None:
    cosign(witnessed)
    place = Path(witnessed.settings.checkpoint_place)
    shutil.copytree(place, place.with_name("copy"))
    witnessed.append(4)
    witnessed.sign()
    cosign(witnessed)
    witnessed.lose()
    shutil.rmtree(place)  # the outside checkpoints and heads are as old as the backup
    shutil.copytree(place.with_name("copy"), place)
    shutil.rmtree(witnessed.settings.heads_place)
    accepted = witnessed.accept()
    assert accepted.exit_code == 0, accepted.output
    (loss,) = witnessed.origins().losses
    assert loss.event.last == witnessed.kept + 4
    assert loss.event.statements[0].where.startswith("witness ")
    witnessed.append()
    witnessed.sign()
    cosign(witnessed)
    verified_checkpoints(witnessed.settings, witnessed.dsn)
    assert len([*tmp_path.glob("witness/*.note")]) == 2
    found = witnessed.examined()
    assert found["checkpoints outside"].verdict is Verdict.OK, found
