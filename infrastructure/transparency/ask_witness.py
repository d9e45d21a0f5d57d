"""What a witness is asked (c2sp.org/tlog-witness, add-checkpoint), and what it answers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final, NamedTuple

from domain.merkle.hashing import HASH_BYTES
from infrastructure.verifier.notes import Checkpoint, decode_base64, parse_checkpoint, split_note

PATH: Final = "/add-checkpoint"
MOST_HASHES: Final = 63
LARGEST_BYTES: Final = 65_536
TEXT_MEDIA_TYPE: Final = "text/plain; charset=utf-8"
SIZE_MEDIA_TYPE: Final = "text/x.tlog.size"


class WitnessResponse(NamedTuple):
    status: int
    body: str
    media_type: str = TEXT_MEDIA_TYPE


class MalformedRequest(Exception):
    """The request is none of add-checkpoint."""


class AddCheckpointRequest(NamedTuple):
    """To cosign a checkpoint that goes on from an earlier size."""

    old: int
    proof: Sequence[bytes]
    note: bytes
    text: str
    checkpoint: Checkpoint


def encode_request(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """As it is asked."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def parse_request(body: bytes) -> AddCheckpointRequest:
    """Raises Malformed."""
    head, gap, note = body.partition(b"\n\n")
    try:
        if not gap:
            raise MalformedRequest("an empty line parts the proof from the checkpoint")
        first, *lines = head.decode("ascii").split("\n")
        word, _, told = first.partition(" ")
        if word != "old" or not told.isdigit() or told != str(int(told)):
            raise MalformedRequest("it begins with `old` and a size")
        if len(lines) > MOST_HASHES:
            raise MalformedRequest(f"a proof has at most {MOST_HASHES} hashes")
        proof = [decode_base64(line) for line in lines]
        if any(len(one) != HASH_BYTES for one in proof):
            raise MalformedRequest("a line of the proof is no hash")
        text, _ = split_note(note)  # whose signatures it has, is not asked here
        return AddCheckpointRequest(int(told), proof, note, text, parse_checkpoint(text))
    except ValueError as error:  # no text, a broken note, a number beyond reason
        raise MalformedRequest(str(error)) from None
