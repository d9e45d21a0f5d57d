"""Checkpoints and proofs over HTTP, checked with nothing but what was answered and the public key."""

import pytest

from application.log.recorder import leaf_digest
from domain.merkle.verification import is_consistent, is_included
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import go_on, halt
from infrastructure.verifier.notes import checkpoint_of
from tests.api.told import order_id, placed, send
from tests.witnessing import checkpoints_in


@pytest.fixture(scope="module")
def witness(ours, shop, tmp_path_factory):
    """Makes a checkpoint when it is called; before the first, none is told."""
    home = tmp_path_factory.mktemp("witness")
    checkpoints = checkpoints_in(home)

    def make():
        with connect(ours.dsn) as connection:
            return checkpoints.make(connection)

    assert shop.get("/v1/audit/checkpoint").status_code == 404
    for _ in range(3):
        send(shop, placed(order_id()))
    make()
    return checkpoints, make


def test_an_event_is_proven_to_be_in_the_log(ours, shop, witness):
    checkpoints, _ = witness
    told = shop.get("/v1/audit/checkpoint").json()
    signed = checkpoint_of(told["note"].encode(), checkpoints.signer.key)
    assert (signed.size, signed.root.hex()) == (told["size"], told["root"])
    with connect(ours.dsn) as connection:
        rows = connection.execute("SELECT notification_id, state FROM stored_events").fetchall()
    states = {position: bytes(state) for position, state in rows}
    for position in range(1, signed.size + 1):
        proof = shop.get(f"/v1/audit/proofs/inclusion?position={position}").json()
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        leaf = leaf_digest(states[position])
        assert proof["leaf"] == leaf.hex()
        assert is_included(position - 1, signed.size, leaf, hashes, signed.root)


def test_a_later_log_is_proven_to_go_on_from_an_earlier(shop, witness):
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


def test_what_was_not_witnessed_is_not_proven(shop, witness):
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


def test_while_the_log_is_halted_nothing_is_stored_and_everything_read(ours, shop, witness):
    head = shop.get("/v1/events?limit=1").json()["head"]
    with connect(ours.dsn) as connection:
        halt(connection)
        try:
            refused = send(shop, placed(order_id()))
            assert refused.status_code == 503
            assert refused.json()["type"].endswith("log-unwritable")
            assert shop.get("/v1/events?limit=1").json()["head"] == head
        finally:
            go_on(connection)
    assert send(shop, placed(order_id())).status_code == 200
