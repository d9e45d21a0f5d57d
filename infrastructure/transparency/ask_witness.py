"""Requests to a witness and its responses (c2sp.org/tlog-witness, add-checkpoint)."""

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
    """The request is not a valid add-checkpoint request."""


class AddCheckpointRequest(NamedTuple):
    """A request to cosign a checkpoint that extends an earlier size."""

    old: int
    proof: Sequence[bytes]
    note: bytes
    text: str
    checkpoint: Checkpoint


def encode_request(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body of an add-checkpoint request."""
    lines = [f"old {old}", *(base64.b64encode(digest).decode() for digest in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def parse_request(body: bytes) -> AddCheckpointRequest:
    """Parse the body of an add-checkpoint request. Raises MalformedRequest."""
    head, gap, note = body.partition(b"\n\n")
    try:
        if not gap:
            raise MalformedRequest("an empty line must separate the proof from the checkpoint")
        first, *lines = head.decode("ascii").split("\n")
        word, _, old = first.partition(" ")
        if word != "old" or not old.isdigit() or old != str(int(old)):
            raise MalformedRequest("the first line must be `old` and a size")
        if len(lines) > MOST_HASHES:
            raise MalformedRequest(
                f"a proof has at most {MOST_HASHES} hashes, this has {len(lines)}"
            )
        proof = [decode_base64(line) for line in lines]
        if any(len(digest) != HASH_BYTES for digest in proof):
            raise MalformedRequest(f"each line of the proof must be a hash of {HASH_BYTES} bytes")
        text, _ = split_note(note)  # the signatures are verified later
        return AddCheckpointRequest(int(old), proof, note, text, parse_checkpoint(text))
    except ValueError as error:  # not text, a broken note, a number too large
        raise MalformedRequest(str(error)) from None
