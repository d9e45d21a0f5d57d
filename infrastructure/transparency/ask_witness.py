"""What a witness is asked (c2sp.org/tlog-witness, add-checkpoint), and what it answers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final, NamedTuple

from domain.merkle.hashing import HASH_BYTES
from infrastructure.verifier.notes import Checkpoint, checkpoint_in, decoded, parted

PATH: Final = "/add-checkpoint"
MOST_HASHES: Final = 63
LARGEST_BYTES: Final = 65_536
TEXT: Final = "text/plain; charset=utf-8"
SIZE: Final = "text/x.tlog.size"


class Answer(NamedTuple):
    status: int
    body: str
    media_type: str = TEXT


class Malformed(Exception):
    """The request is none of add-checkpoint."""


class Asked(NamedTuple):
    """To cosign a checkpoint that goes on from an earlier size."""

    old: int
    proof: Sequence[bytes]
    note: bytes
    text: str
    checkpoint: Checkpoint


def written(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """As it is asked."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def asked(body: bytes) -> Asked:
    """Raises Malformed."""
    head, gap, note = body.partition(b"\n\n")
    try:
        if not gap:
            raise Malformed("an empty line parts the proof from the checkpoint")
        first, *lines = head.decode("ascii").split("\n")
        word, _, told = first.partition(" ")
        if word != "old" or not told.isdigit() or told != str(int(told)):
            raise Malformed("it begins with `old` and a size")
        if len(lines) > MOST_HASHES:
            raise Malformed(f"a proof has at most {MOST_HASHES} hashes")
        proof = [decoded(line) for line in lines]
        if any(len(one) != HASH_BYTES for one in proof):
            raise Malformed("a line of the proof is no hash")
        text, _ = parted(note)  # whose signatures it has, is not asked here
        return Asked(int(told), proof, note, text, checkpoint_in(text))
    except ValueError as error:  # no text, a broken note, a number beyond reason
        raise Malformed(str(error)) from None
