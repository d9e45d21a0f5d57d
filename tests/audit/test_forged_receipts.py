"""Forged receipts and broken policies have their fault, and two independent verifiers find the same one."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from api.cli import casetrail
from infrastructure.verifier.notes import parse_witness_key
from infrastructure.verifier.receipts import parse_receipt, verify_receipt
from infrastructure.verifier.trust_policy import PolicyBroken, parse_policy
from tests.audit.forged_bundles import persistent_node_verifier
from tests.audit.forged_receipts import (
    AT,
    EVENTS,
    INDEX,
    LOG,
    POLICIES,
    QUORUMS,
    RECEIPTS,
    SIZE,
    SOUND,
    TEXT,
    A,
    B,
    Q,
    cosigned,
    note_of,
    policy,
    receipt,
    root_of,
)
from tests.other_verifiers import verify_with_aics_tlog

Node = Callable[..., Any] | None


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with persistent_node_verifier() as verifier:
        yield verifier


def by_node(node: Node, folder: Path, content: bytes, trust: bytes) -> dict[str, Any]:
    """Node's verdict, without the wording of faults."""
    if node is None:
        pytest.skip("Node is not installed: receipts were not checked with verify.mjs")
    (folder / "receipt").write_bytes(content)
    (folder / "policy").write_bytes(trust)
    return worded(node("receipt", str(folder / "receipt"), "--policy", str(folder / "policy")))


def worded(told: dict[str, Any]) -> dict[str, Any]:
    faults = [{**fault, "detail": ""} for fault in told["faults"]]
    return {**json.loads(json.dumps(told)), "faults": faults}


def test_a_sound_receipt_is_verified() -> None:
    found = verify_receipt(SOUND, parse_policy(policy()))
    assert (found.verified, found.position, found.size) == (True, 5, 11)
    assert [(one.witness, one.at) for one in found.cosigned] == [("a", AT), ("b", AT)]
    assert found.key == LOG.key.text


@pytest.mark.parametrize("what", RECEIPTS)
def test_a_forged_receipt_has_its_fault(what: str) -> None:
    content, codes = RECEIPTS[what]
    found = verify_receipt(content, parse_policy(policy()))
    assert not found.verified
    assert {fault.code for fault in found.faults} == codes
    assert found.proves is None
    assert found.outcome == ("not_cosigned" if codes == {"quorum"} else "broken")


def test_a_receipt_that_is_not_cosigned_yet_is_not_called_broken(tmp_path: Path) -> None:
    """It is genuine and too early for the policy; a forged one is broken, also if it lacks cosignatures too."""
    alone = receipt(note=note_of(witnesses=()))
    (tmp_path / "receipt").write_bytes(alone)
    (tmp_path / "policy").write_bytes(policy())
    command = ["verify", str(tmp_path / "receipt"), "--policy", str(tmp_path / "policy")]
    told = CliRunner().invoke(casetrail, command)
    assert (told.exit_code, "BROKEN" in told.output) == (1, False)
    assert "NOT COSIGNED: the log has signed it and nothing in it is wrong" in told.output
    (tmp_path / "receipt").write_bytes(
        alone.replace(b"\nindex %d\n" % INDEX, b"\nindex %d\n" % (INDEX + 1))
    )
    told = CliRunner().invoke(casetrail, command)
    assert (told.exit_code, told.output.endswith("BROKEN\n")) == (1, True)


@pytest.mark.parametrize("what", RECEIPTS)
def test_node_gives_a_forged_receipt_the_same_verdict(
    node: Node, tmp_path: Path, what: str
) -> None:
    content, _ = RECEIPTS[what]
    found = verify_receipt(content, parse_policy(policy()))
    assert by_node(node, tmp_path, content, policy()) == worded(found.document)


def test_each_byte_of_a_receipt_counts() -> None:
    """A changed byte is found, unless it is in a line that nobody has to understand."""
    trust = parse_policy(policy(quorum="group g all a b\nquorum g\n"))
    assert verify_receipt(SOUND, trust).verified
    for n in range(len(SOUND)):
        for bit in (1, 0x20, 0x80):
            forged = SOUND[:n] + bytes([SOUND[n] ^ bit]) + SOUND[n + 1 :]
            assert not verify_receipt(forged, trust).verified, (n, bit)


@pytest.mark.parametrize("what", POLICIES)
def test_a_broken_policy_is_refused_with_its_line(what: str) -> None:
    content, line = POLICIES[what]
    with pytest.raises(PolicyBroken) as refused:
        parse_policy(content)
    assert refused.value.line == line


@pytest.mark.parametrize("what", POLICIES)
def test_node_refuses_a_broken_policy_at_the_same_line(
    node: Node, tmp_path: Path, what: str
) -> None:
    content, line = POLICIES[what]
    told = by_node(node, tmp_path, SOUND, content)
    assert [(one["code"], one["line"]) for one in told["faults"]] == [("policy", line)]
    assert not told["verified"]


@pytest.mark.parametrize("what", QUORUMS)
def test_a_quorum_counts_its_witnesses(what: str) -> None:
    quorum, is_reached = QUORUMS[what]
    found = verify_receipt(SOUND, parse_policy(policy(quorum)))
    assert found.verified == is_reached
    assert [one.witness for one in found.cosigned] == ["a", "b"]


@pytest.mark.parametrize("what", QUORUMS)
def test_node_counts_the_same_quorum(node: Node, tmp_path: Path, what: str) -> None:
    quorum, _ = QUORUMS[what]
    found = verify_receipt(SOUND, parse_policy(policy(quorum)))
    assert by_node(node, tmp_path, SOUND, policy(quorum)) == worded(found.document)


ML_DSA = receipt(note=note_of(witnesses=(Q, A)))


def test_an_ml_dsa_cosignature_is_bound_to_its_checkpoint_and_its_witness() -> None:
    trust = parse_policy(policy("group g all a q\nquorum g\n"))
    assert verify_receipt(ML_DSA, trust).verified
    assert parse_witness_key(Q.key.text) == Q.key
    line = Q.cosignature(TEXT, AT)
    for other in (
        TEXT.replace("\n11\n", "\n12\n"),
        TEXT.replace("casetrail/log", "casetrail/lag"),
        TEXT.replace(TEXT.split("\n")[2], "A" * 43 + "="),
    ):
        forged = cosigned(Q.cosignature(other, AT), A.cosignature(TEXT, AT))
        assert {f.code for f in verify_receipt(forged, trust).faults} == {"witness", "quorum"}
    twice = cosigned(line, line)
    assert {fault.code for fault in verify_receipt(twice, trust).faults} == {"quorum"}


def test_node_never_counts_an_ml_dsa_cosignature_that_it_cannot_check(
    node: Node, tmp_path: Path
) -> None:
    """Node 20 has no ML-DSA-44. A forged line would look the same to it."""
    needs_it, does_not = (
        policy("group g all a q\nquorum g\n"),
        policy("group g any a q\nquorum g\n"),
    )
    told = by_node(node, tmp_path, ML_DSA, needs_it)
    if not told["unchecked"]:
        assert told["verified"]  # a later Node has the algorithm
        return
    assert (told["verified"], told["unchecked"]) == (False, ["q"])
    assert [fault["code"] for fault in told["faults"]] == ["quorum"]
    told = by_node(node, tmp_path, ML_DSA, does_not)
    assert (told["verified"], told["unchecked"]) == (True, ["q"])
    assert [one["witness"] for one in told["cosigned"]] == ["a"]


@pytest.mark.parametrize(
    ("what", "is_sound"),
    [
        ("sound", True),
        ("the envelope", False),
        ("another position", False),
        ("hash 1 altered", False),
        ("another root", False),
        ("the log's signature", False),
        ("one cosignature", False),
        ("a cosignature of another checkpoint", False),
        ("an unknown witness", False),
    ],
)
def test_a_tool_of_others_gives_the_same_verdict(tmp_path: Path, what: str, is_sound: bool) -> None:
    content = SOUND if what == "sound" else RECEIPTS[what][0]
    witnesses = [A.key.text, B.key.text]
    found = verify_with_aics_tlog(tmp_path, parse_receipt(content), LOG.key.text, witnesses, 2)
    assert found["ok"] == is_sound
    assert verify_receipt(content, parse_policy(policy())).verified == is_sound


def test_a_given_envelope_must_be_that_of_the_receipt() -> None:
    trust = parse_policy(policy())
    bare = receipt(extra=None)
    assert verify_receipt(bare, trust, EVENTS[INDEX]).verified
    assert [f.code for f in verify_receipt(bare, trust, EVENTS[5]).faults] == ["inclusion"]
    assert verify_receipt(SOUND, trust, EVENTS[INDEX]).verified
    other = receipt(extra=EVENTS[5])
    assert [f.code for f in verify_receipt(other, trust, EVENTS[INDEX]).faults] == ["envelope"]


def test_the_message_of_an_ml_dsa_cosignature_is_that_of_the_specification() -> None:
    """Written here from c2sp.org/tlog-cosignature alone: our two functions could share a mistake."""
    name, origin = b"witness/q", b"casetrail/log"
    message = (
        b"subtree/v1\n\x00"
        + struct.pack(f">B{len(name)}sQ", len(name), name, AT)
        + struct.pack(f">B{len(origin)}sQQ", len(origin), origin, 0, SIZE)
        + root_of(0, SIZE)
    )
    line = Q.cosignature(TEXT, AT).removesuffix("\n").split(" ")
    assert (line[0], line[1]) == ("\u2014", "witness/q")
    signature = base64.b64decode(line[2])
    public = Q.key.public
    assert signature[:4] == hashlib.sha256(name + b"\n\x06" + public).digest()[:4]
    assert signature[4:12] == struct.pack(">Q", AT)
    assert len(signature) == 12 + 2420
    MLDSA44PublicKey.from_public_bytes(public).verify(signature[12:], message)
