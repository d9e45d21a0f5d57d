"""A witness cosigns only checkpoints that extend what it has cosigned before."""

import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import psycopg
import pytest
from msgspec import structs

from api.serving import listen
from domain.merkle.tree import Frontier, consistency_proof
from infrastructure.postgres.datastore import connect
from infrastructure.settings import load_settings
from infrastructure.transparency.ask_witness import LARGEST_BYTES, encode_request
from infrastructure.transparency.checkpoints import (
    Checkpoints,
    LogNotAsWitnessed,
    latest_checkpoint,
)
from infrastructure.transparency.cosignatures import WitnessClients, open_witness_clients
from infrastructure.transparency.export import Export, NothingToExport
from infrastructure.transparency.key_rotation import rotate_checkpoint_key
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import KeyUnusable, open_cosigner, open_signer
from infrastructure.transparency.witness_policy import WitnessUnusable, read_witness_policy
from infrastructure.verifier.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Key,
    NoteBroken,
    cosignature_time,
    open_note,
    parse_key,
)
from infrastructure.verifier.trust_policy import single_witness
from infrastructure.witness.cosigned_state import CosignedState
from infrastructure.witness.server import WitnessServer
from tests.infrastructure.bundles import BundleLog, envelope, verify_with_node, verify_with_python
from tests.tampering import without_triggers

SIZES = (0, 1, 5, 8, 13)


@contextmanager
def serve_witness(state, port=0):
    with listen("127.0.0.1", port) as listener, WitnessServer(listener, state) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


class Tree:
    """A small log; the salt makes its leaves differ from those of other logs."""

    def __init__(self, signing, salt=b""):
        self._signing = signing
        self._entries = [salt + bytes([n]) for n in range(SIZES[-1])]

    def frontier(self, size, first=0):
        found = Frontier()
        for entry in self._entries[first:size]:
            found.add(entry)
        return found

    def note(self, size, by=None):
        text = Checkpoint(self._signing.key.name, size, self.frontier(size).root()).text
        return (by or self._signing).signed(text)

    def proof(self, old, size):
        def read(nodes):
            return [self.frontier(node.end, node.first).root() for node in nodes]

        return consistency_proof(old, size, read) if old else []


@pytest.fixture
def log(tmp_path):
    return open_signer(str(tmp_path / "log.key"))


@pytest.fixture
def state(tmp_path, log):
    return CosignedState(
        tmp_path / "witness", open_cosigner(tmp_path / "witness" / "witness.key"), [log.key]
    )


@pytest.fixture
def add_checkpoint(state):
    with serve_witness(state) as url, httpx2.Client(base_url=url) as client:

        def send(old, proof, note):
            return client.post("/add-checkpoint", content=encode_request(old, proof, note))

        send.client = client
        yield send


def test_a_cosigner_key_cannot_sign_checkpoints(log, state):
    witness = state.cosigner.key
    assert parse_key(witness.text, COSIGNATURE) == witness
    for text, kind in ((witness.text, ED25519), (log.key.text, COSIGNATURE)):
        with pytest.raises(NoteBroken):
            parse_key(text, kind)
    assert witness.id != Key(witness.name, witness.public).id
    note = Tree(log).note(5)
    line = state.cosigner.cosignature(open_note(note, log.key), 1_700_000_000)
    whole = note + line.encode()
    assert cosignature_time(whole, witness) == 1_700_000_000
    for n in range(len(whole) - len(line.encode()), len(whole)):
        with pytest.raises(NoteBroken):
            cosignature_time(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :], witness)


def test_each_continuation_of_the_log_is_cosigned(log, state, add_checkpoint):
    tree, last = Tree(log), 0
    for size in SIZES[1:]:
        answer = add_checkpoint(last, tree.proof(last, size), tree.note(size))
        assert answer.status_code == 200, answer.text
        assert (
            cosignature_time(tree.note(size) + answer.content, state.cosigner.key) > 1_700_000_000
        )
        last = size
    again = add_checkpoint(last, [], tree.note(last))
    assert again.status_code == 200
    # After a restart, the witness still knows the size.
    with serve_witness(state) as url:
        body = encode_request(0, [], tree.note(5))
        conflict = httpx2.post(f"{url}/add-checkpoint", content=body)
    assert (conflict.status_code, conflict.text) == (409, f"{last}\n")
    assert conflict.headers["Content-Type"] == "text/x.tlog.size"


def test_each_refusal_has_its_status_code(tmp_path, log, add_checkpoint):
    tree, other = Tree(log), Tree(log, b"other")
    stranger = open_signer(str(tmp_path / "stranger.key"))
    assert add_checkpoint(0, [], tree.note(5)).status_code == 200
    assert add_checkpoint(5, [], Tree(stranger).note(8)).status_code == 404
    assert add_checkpoint(5, tree.proof(5, 8), tree.note(8, by=stranger)).status_code == 403
    assert add_checkpoint(8, [], tree.note(5)).status_code == 400
    behind = add_checkpoint(1, tree.proof(1, 8), tree.note(8))
    assert (behind.status_code, behind.text) == (409, "5\n")
    assert add_checkpoint(5, tree.proof(5, 8)[:-1], tree.note(8)).status_code == 422
    assert add_checkpoint(5, [*tree.proof(5, 8), bytes(32)], tree.note(8)).status_code == 422
    assert add_checkpoint(5, other.proof(5, 8), other.note(8)).status_code == 422
    assert add_checkpoint(5, [], other.note(5)).status_code == 409
    assert add_checkpoint(5, [bytes(32)] * 64, tree.note(8)).status_code == 400
    for malformed in (
        b"",
        b"old 5",
        b"old 05\n\n" + tree.note(8),
        b"old -1\n\n" + tree.note(8),
        b"new 5\n\n" + tree.note(8),
        b"old 5\nnone\n\n" + tree.note(8),
        b"old 5\n\n" + tree.note(8)[:-1],
        b"old 5\n\nabc\n",
        b"\xff\n\n" + tree.note(8),
        b"old %b\n\n" % (b"9" * 5_000) + tree.note(8),
        b"old 5\n\nlog\n%b\n\n" % (b"9" * 5_000),
    ):
        assert add_checkpoint.client.post("/add-checkpoint", content=malformed).status_code == 400
    large = add_checkpoint.client.post("/add-checkpoint", content=b"x" * (LARGEST_BYTES + 1))
    assert large.status_code == 413
    assert add_checkpoint.client.post("/else", content=b"").status_code == 404
    assert add_checkpoint(5, tree.proof(5, 8), tree.note(8)).status_code == 200


def test_only_one_of_many_forks_is_cosigned(log, state, add_checkpoint):
    """Many histories of the same size arrive at the same moment."""
    trees = [Tree(log, bytes([n])) for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda tree: add_checkpoint(0, [], tree.note(8)), trees))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


def test_signatures_that_others_added_are_not_kept(log, state, add_checkpoint):
    """Anyone can forward a signed checkpoint, with more lines below it."""
    tree, ours = Tree(log), state.cosigner.key
    forged = base64.b64encode(ours.id + bytes(72)).decode()
    spoilt = tree.note(5) + f"\u2014 {ours.name} {forged}\n".encode()
    assert add_checkpoint(0, [], spoilt).status_code == 200
    assert add_checkpoint(5, tree.proof(5, 8), tree.note(8)).status_code == 200


def test_a_witness_with_altered_state_cosigns_nothing(log, state, add_checkpoint):
    tree = Tree(log)
    assert add_checkpoint(0, [], tree.note(5)).status_code == 200
    (file,) = state.directory.glob("*.note")
    file.write_bytes(tree.note(1))
    assert add_checkpoint(1, tree.proof(1, 8), tree.note(8)).status_code == 500


def grow(bundle_log, many=7):
    bundle_log.append(*(envelope(uuid4(), 1, 1, type="case.note_added") for _ in range(many)))


class Witnessed:
    """A database whose checkpoints a witness cosigns."""

    def __init__(self, dsn, home, url, state):
        self.bundle_log = BundleLog(dsn, home)
        key_file = str(home / "key")
        self.checkpoints = Checkpoints(
            open_signer(key_file),
            OutsideCheckpoints(home / "outside"),
            lambda: open_signer(key_file),
        )
        self.bundle_log.checkpoints = self.checkpoints
        self.url, self.key = url, state.cosigner.key
        self.cosigning = self.client_of(url)

    def client_of(self, url):
        return WitnessClients(single_witness(self.key, url), self.checkpoints)


@pytest.fixture
def witnessed(dsn, tmp_path, connection):
    log = open_signer(str(tmp_path / "key"))
    state = CosignedState(
        tmp_path / "witness", open_cosigner(tmp_path / "witness" / "k"), [log.key]
    )
    with serve_witness(state) as url:
        yield Witnessed(dsn, tmp_path, url, state)


def test_a_cosigned_checkpoint_is_kept_in_both_places_and_verifies_offline(witnessed, connection):
    bundle_log = witnessed.bundle_log
    bundle_log.fill()
    witnessed.cosigning.cosign_latest(connection)
    note = latest_checkpoint(connection)[1].encode()
    assert note == witnessed.checkpoints.outside.latest()
    assert cosignature_time(note, witnessed.key)
    bundle = bundle_log.export("bundle", lambda export: export.everything())
    ours, theirs = witnessed.checkpoints.signer.key.text, witnessed.key.text
    for by in (verify_with_python, verify_with_node):
        report = by(bundle, ours, theirs)
        assert report["verified"]
        assert report["cosigned"] == cosignature_time(note, witnessed.key)
        assert by(bundle, ours)["cosigned"] is None
        stranger = Key("witness/x", witnessed.key.public, b"\x04").text
        refused = by(bundle, ours, stranger)
        assert [fault["code"] for fault in refused["faults"]] == ["witness"]
        assert not refused["verified"]
        assert by(bundle, ours, ours)["faults"][0]["code"] == "key"


def test_cosigning_recovers_from_a_lost_answer_and_from_another_worker(witnessed, connection):
    witnessed.bundle_log.fill()
    witnessed.cosigning.cosign_latest(connection)
    with without_triggers(connection):
        connection.execute("DELETE FROM checkpoint_signatures")  # the answer was never stored
    witnessed.cosigning.cosign_latest(connection)
    grow(witnessed.bundle_log)
    with connect(witnessed.bundle_log.dsn) as other:
        second = witnessed.client_of(witnessed.url)
        second.cosign_latest(other)
    witnessed.cosigning.cosign_latest(connection)
    assert cosignature_time(latest_checkpoint(connection)[1].encode(), witnessed.key)
    assert witnessed.checkpoints.outside.disputed() is None


def test_an_unreachable_witness_stops_nothing(witnessed, connection, caplog):
    witnessed.bundle_log.fill()
    away = witnessed.client_of("http://127.0.0.1:9")
    for _ in range(3):
        away.cosign_latest(connection)
    assert caplog.text.count("does not cosign") == 1
    grow(witnessed.bundle_log)
    witnessed.cosigning.cosign_latest(connection)
    assert cosignature_time(latest_checkpoint(connection)[1].encode(), witnessed.key)


def restore(connection, position):
    """Reset the log to a position, without any checkpoint."""
    with without_triggers(connection):
        connection.execute("DELETE FROM checkpoint_signatures")
        connection.execute("DELETE FROM checkpoints")
        connection.execute("DELETE FROM log_nodes")
        connection.execute("DELETE FROM stored_events WHERE notification_id > %s", (position,))
    connection.execute("UPDATE log_head SET position = %s", (position,))


@pytest.mark.parametrize("lost", ["a tail", "another history"])
def test_the_log_is_halted_if_the_witness_has_cosigned_another_history(witnessed, connection, lost):
    """The witness finds a lost tail even if the checkpoints outside were removed too."""
    bundle_log, outside = witnessed.bundle_log, witnessed.checkpoints.outside
    bundle_log.fill()
    witnessed.cosigning.cosign_latest(connection)
    size = latest_checkpoint(connection)[0]
    restore(connection, 12)
    directory = Path(str(outside.place))
    os.rename(directory, directory.with_name("moved-away"))
    if lost == "a tail":
        witnessed.checkpoints.make(connection)
        message = rf"{size - 12} are missing \(13 to {size}\)"
    else:
        with without_triggers(connection):
            connection.execute("DELETE FROM stored_events")
        connection.execute("UPDATE log_head SET position = 0")
        grow(bundle_log, 2 * size)
        message = f"the {2 * size} positions do not extend the {size} that it has cosigned"
    with pytest.raises(LogNotAsWitnessed, match=message):
        witnessed.cosigning.cosign_latest(connection)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("SELECT append_events()")
    with pytest.raises(LogNotAsWitnessed, match=message):  # a restart does not lift the halt
        witnessed.checkpoints.require_continuation(connection)
    # A forged record that it has cosigned this log does not help: the witness is asked again.
    own = "INSERT INTO checkpoint_signatures SELECT max(size), %s, '' FROM checkpoints"
    connection.execute(own, (witnessed.key.text,))
    with pytest.raises(LogNotAsWitnessed):
        witnessed.cosigning.cosign_latest(connection)
    assert outside.disputed() is not None
    outside.settle()  # a person decides
    witnessed.checkpoints.require_continuation(connection)
    connection.execute("SELECT append_events()")


def test_old_checkpoints_still_verify_after_a_key_rotation(witnessed, connection):
    bundle_log, checkpoints = witnessed.bundle_log, witnessed.checkpoints
    since = bundle_log.fill()
    first = checkpoints.signer.key
    before = bundle_log.export("before", lambda export: export.everything())
    key = rotate_checkpoint_key(connection, checkpoints, bundle_log.home / "key").key
    assert (key.name == first.name, key.id == first.id) == (True, False)
    both = checkpoints.outside.latest()
    assert checkpoints.opened(both).size == latest_checkpoint(connection)[0]
    size = latest_checkpoint(connection)[0]
    assert (bundle_log.home / "outside" / "keys").read_text() == f"0 {size} {first.text}\n"
    # A running worker uses the new key.
    grow(bundle_log)
    assert checkpoints.signer.key == key
    checkpoints.require_continuation(connection)
    assert checkpoints.opened(checkpoints.outside.note(since)).size == since
    late = Checkpoints(
        BundleLog(bundle_log.dsn, bundle_log.home).checkpoints.signer, checkpoints.outside
    )
    late.require_continuation(connection)
    after = bundle_log.export("after", lambda export: export.population({"type": "x"}, since))
    for by in (verify_with_python, verify_with_node):
        assert by(before, first.text)["key"] == first.text
        assert by(before, first.text)["verified"]
        assert by(after, key.text)["verified"]
        assert not by(after, first.text)["verified"]
    second = rotate_checkpoint_key(connection, checkpoints, bundle_log.home / "key").key
    assert len((bundle_log.home / "outside" / "keys").read_text().splitlines()) == 2
    assert second not in (first, key)


def test_a_rotated_key_signs_no_new_checkpoint(witnessed, connection):
    bundle_log = witnessed.bundle_log
    bundle_log.fill()
    stale = Checkpoints(witnessed.checkpoints.signer, witnessed.checkpoints.outside)
    rotate_checkpoint_key(connection, witnessed.checkpoints, bundle_log.home / "key")
    with pytest.raises(KeyUnusable, match="was rotated"):
        stale.make(connection)
    stale.require_continuation(connection)
    connection.execute("SELECT append_events()")


def test_a_log_that_continues_under_another_name_is_not_a_fork(witnessed, connection):
    """The log was restored to a checkpoint with the name that the witness knows."""
    bundle_log, directory = witnessed.bundle_log, witnessed.bundle_log.home / "outside"
    bundle_log.fill()
    former = witnessed.checkpoints.signer.key.text
    witnessed.cosigning.cosign_latest(connection)
    restore(connection, 12)
    os.rename(directory, directory.with_name("before"))
    witnessed.checkpoints.make(connection)  # the checkpoint of the restored log
    os.rename(directory, directory.with_name("then"))
    os.rename(bundle_log.home / "key", bundle_log.home / "key.before")
    directory.mkdir()
    (directory / "keys").write_text(f"0 12 {former}\n")
    with pytest.raises(NothingToExport, match="key has not signed the last checkpoint"):
        Export(connection, open_signer(str(bundle_log.home / "key")), bundle_log.home / "early")
    witnessed.checkpoints.make(connection)
    witnessed.cosigning.cosign_latest(connection)
    connection.execute("SELECT append_events()")
    key = witnessed.checkpoints.signer.key
    assert key.name != open_signer(str(bundle_log.home / "key.before")).key.name
    bundle = bundle_log.export("bundle", lambda export: export.everything())
    for by in (verify_with_python, verify_with_node):
        assert by(bundle, key.text)["verified"]


def test_an_invalid_witness_setting_is_refused(witnessed, tmp_path):
    settings = load_settings({}, tmp_path)
    policy = tmp_path / "policy"
    for text in (
        "http://host",
        "ftp://host key",
        f"http://host {witnessed.url}",
        f"ftp://host {witnessed.key.text}",
    ):
        with pytest.raises(WitnessUnusable):
            open_witness_clients(structs.replace(settings, witness=text), witnessed.checkpoints)
    one = structs.replace(settings, witness=f"http://host:1 {witnessed.key.text}")
    (witness,) = open_witness_clients(one, witnessed.checkpoints).policy.witnesses
    assert witness.key == witnessed.key
    assert open_witness_clients(settings, witnessed.checkpoints) is None
    with pytest.raises(WitnessUnusable, match="not both"):
        read_witness_policy(structs.replace(one, witness_policy=policy))
    several = structs.replace(settings, witness_policy=policy)
    for content, message in (
        (None, "No such file"),
        (f"witness a {witnessed.key.text}\nquorum b\n", "line 2: no line above defines 'b'"),
        (f"witness a {witnessed.key.text}\nquorum a\n", "the witness a has no URL"),
        (f"witness a {witnessed.key.text} host\nquorum a\n", "not an http:// or https:// address"),
    ):
        if content is not None:
            policy.write_text(content)
        with pytest.raises(WitnessUnusable, match=message):
            read_witness_policy(several)
    policy.write_text(f"witness a {witnessed.key.text} https://host\nquorum a\n")
    assert read_witness_policy(several).quorum == "a"
