"""Checkpoints and proofs over HTTP, checked only with the responses and the public key."""

import pytest

from application.log.recorder import leaf_digest
from domain.merkle.verification import is_consistent, is_included
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.halts import halt_log, lift_halt
from infrastructure.verifier.notes import open_checkpoint
from tests.api.signals import order_id, placed, send
from tests.witness_checkpoints import open_checkpoints


@pytest.fixture(scope="module")
def witness(server, shop, tmp_path_factory):
    """A function that makes a checkpoint; before its first call the API has none."""
    home = tmp_path_factory.mktemp("witness")
    checkpoints = open_checkpoints(home)

    def make():
        with connect(server.dsn) as connection:
            return checkpoints.make(connection)

    assert shop.get("/v1/audit/checkpoint").status_code == 404
    for _ in range(3):
        send(shop, placed(order_id()))
    make()
    return checkpoints, make


def test_an_event_has_a_proof_of_inclusion(server, shop, witness):
    checkpoints, _ = witness
    told = shop.get("/v1/audit/checkpoint").json()
    signed = open_checkpoint(told["note"].encode(), checkpoints.signer.key)
    assert (signed.size, signed.root.hex()) == (told["size"], told["root"])
    with connect(server.dsn) as connection:
        rows = connection.execute("SELECT notification_id, state FROM stored_events").fetchall()
    states = {position: bytes(state) for position, state in rows}
    for position in range(1, signed.size + 1):
        proof = shop.get(f"/v1/audit/proofs/inclusion?position={position}").json()
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        leaf = leaf_digest(states[position])
        assert proof["leaf"] == leaf.hex()
        assert is_included(position - 1, signed.size, leaf, hashes, signed.root)


def test_a_later_checkpoint_has_a_proof_of_consistency(shop, witness):
    _, make = witness
    before = shop.get("/v1/audit/checkpoint").json()
    for _ in range(2):
        send(shop, placed(order_id()))
    make()
    after = shop.get("/v1/audit/checkpoint").json()
    assert after["size"] > before["size"]
    proof = shop.get(f"/v1/audit/proofs/consistency?from={before['size']}").json()
    assert (proof["root_before"], proof["root"]) == (before["root"], after["root"])
    hashes = [bytes.fromhex(one) for one in proof["hashes"]]
    roots = (bytes.fromhex(before["root"]), bytes.fromhex(after["root"]))
    assert is_consistent(before["size"], after["size"], *roots, hashes)


def test_an_event_without_a_checkpoint_has_no_proof(shop, witness):
    beyond = shop.get("/v1/audit/checkpoint").json()["size"] + 1
    for address in (
        f"inclusion?position={beyond}",
        f"inclusion?position=1&size={beyond}",
        "inclusion?position=3&size=2",
        f"consistency?from={beyond}",
        "consistency?from=3&to=2",
    ):
        answer = shop.get(f"/v1/audit/proofs/{address}")
        assert answer.status_code == 404, address
        assert answer.json()["type"].endswith("not-witnessed-yet")
    assert shop.get("/v1/audit/proofs/inclusion?position=0").status_code == 400


def test_a_halted_log_can_be_read_and_not_written(server, shop, witness):
    head = shop.get("/v1/events?limit=1").json()["head"]
    with connect(server.dsn) as connection:
        halt_log(connection)
        try:
            refused = send(shop, placed(order_id()))
            assert refused.status_code == 503
            assert refused.json()["type"].endswith("log-unwritable")
            assert shop.get("/v1/events?limit=1").json()["head"] == head
        finally:
            lift_halt(connection)
    assert send(shop, placed(order_id())).status_code == 200
