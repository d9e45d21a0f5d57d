"""A receipt that four witnesses have cosigned, and ways to forge it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from domain.merkle.tree import Frontier, Node, inclusion_proof
from infrastructure.transparency.signing_keys import Signer
from infrastructure.verifier.notes import COSIGNATURE, ML_DSA_44, Checkpoint
from infrastructure.verifier.receipts import Receipt, encode_receipt

SIZE, INDEX, AT = 11, 4, 1_790_000_000
EVENTS = [b'{"stream":"%d","event":{"type":"case.resolved"}}' % n for n in range(SIZE)]


def key_of(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


LOG = Signer("casetrail/log", key_of(1))
OTHER_LOG = Signer("casetrail/other", key_of(2))
A, B, C, STRANGER = (
    Signer(f"witness/{name}", key_of(n), COSIGNATURE) for n, name in enumerate("abcx", 3)
)
Q = Signer("witness/q", MLDSA44PrivateKey.from_seed_bytes(b"\x09" * 32), ML_DSA_44)


def root_of(first: int, end: int) -> bytes:
    found = Frontier()
    for event in EVENTS[first:end]:
        found.add(event)
    return found.root()


def read(nodes: Sequence[Node]) -> list[bytes]:
    return [root_of(node.first, node.end) for node in nodes]


def note_of(size: int = SIZE, by: Signer = LOG, witnesses: Sequence[Signer] = (A, B)) -> bytes:
    text = Checkpoint(by.key.name, size, root_of(0, size)).text
    return by.signed(text) + "".join(one.cosignature(text, AT) for one in witnesses).encode()


def receipt(
    index: int = INDEX,
    size: int = SIZE,
    note: bytes | None = None,
    extra: bytes | None = EVENTS[INDEX],
) -> bytes:
    hashes = inclusion_proof(index, size, read)
    return encode_receipt(Receipt(index, hashes, note_of() if note is None else note, extra))


def policy(quorum: str = "group g 2 a b c\nquorum g\n", more: str = "") -> bytes:
    lines = [
        f"log {LOG.key.text}",
        *(f"witness {one.key.name[-1]} {one.key.text}" for one in (A, B, C, Q)),
    ]
    return ("\n".join(lines) + f"\n{more}{quorum}").encode()


SOUND = receipt()
LINES = SOUND.split(b"\n")
NOTE = LINES.index(b"") + 1
"""The line at which the checkpoint begins."""


def with_line(number: int, line: bytes) -> bytes:
    return b"\n".join([*LINES[:number], line, *LINES[number + 1 :]])


def flipped(line: bytes) -> bytes:
    """The line with its base64 changed in one bit, and still canonical."""
    head, _, text = line.rpartition(b" ")
    content = bytearray(base64.b64decode(text))
    content[-1] ^= 1
    return head + (b" " if head else b"") + base64.b64encode(bytes(content))


def cosigned(*lines: str) -> bytes:
    """The receipt with these lines below the log's signature."""
    return receipt(note=note_of(witnesses=()) + "".join(lines).encode())


TEXT = Checkpoint(LOG.key.name, SIZE, root_of(0, SIZE)).text
OTHER_TEXT = Checkpoint(LOG.key.name, SIZE, root_of(0, SIZE - 1)).text


def renamed(line: str, name: str) -> str:
    dash, _, rest = line.split(" ", 2)
    return f"{dash} {name} {rest}"


Faults = set[str]
RECEIPTS: Mapping[str, tuple[bytes, Faults]] = {
    "the first line": (with_line(0, b"c2sp.org/tlog-proof@v2"), {"receipt"}),
    "the envelope": (with_line(1, b"extra " + base64.b64encode(EVENTS[5])), {"inclusion"}),
    "the envelope's last bit": (with_line(1, flipped(LINES[1])), {"inclusion"}),
    "no envelope": (receipt(extra=None), {"envelope"}),
    "an empty envelope": (with_line(1, b"extra "), {"receipt"}),
    "two envelopes": (with_line(1, LINES[1] + b"\n" + LINES[1]), {"receipt"}),
    "base64 with bits that are not used": (with_line(3, LINES[3][:-2] + b"x="), {"receipt"}),
    "base64 of URLs": (with_line(1, b"extra _-A="), {"receipt"}),
    "another position": (with_line(2, b"index 5"), {"inclusion"}),
    "a position beyond the tree": (with_line(2, b"index 11"), {"inclusion"}),
    "a negative position": (with_line(2, b"index -1"), {"receipt"}),
    "a leading zero": (with_line(2, b"index 04"), {"receipt"}),
    "a signed position": (with_line(2, b"index +4"), {"receipt"}),
    "digits of another script": (with_line(2, "index ٤".encode()), {"receipt"}),
    "a position of 2^53 - 1": (with_line(2, b"index %d" % (2**53 - 1)), {"receipt"}),
    "a position of 2^53 - 2": (with_line(2, b"index %d" % (2**53 - 2)), {"inclusion"}),
    "a position of 2^64 + 4": (with_line(2, b"index %d" % (2**64 + 4)), {"receipt"}),
    "a position of 5,000 digits": (with_line(2, b"index " + b"9" * 5_000), {"receipt"}),
    **{
        f"hash {n} altered": (with_line(2 + n, flipped(LINES[2 + n])), {"inclusion"})
        for n in range(1, NOTE - 3)
    },
    "a hash left out": (b"\n".join([*LINES[:3], *LINES[4:]]), {"inclusion"}),
    "a hash too many": (with_line(3, LINES[3] + b"\n" + LINES[3]), {"inclusion"}),
    "two hashes exchanged": (
        b"\n".join([*LINES[:3], LINES[4], LINES[3], *LINES[5:]]),
        {"inclusion"},
    ),
    "a hash of 31 bytes": (with_line(3, base64.b64encode(bytes(31))), {"receipt"}),
    "64 hashes": (with_line(3, b"\n".join([LINES[3]] * 64)), {"receipt"}),
    "another size": (with_line(NOTE + 1, b"12"), {"checkpoint"}),
    "a size of 2^53": (
        receipt(note=LOG.signed(TEXT.replace("\n11\n", f"\n{2**53}\n"))),
        {"checkpoint"},
    ),
    "another root": (with_line(NOTE + 2, flipped(LINES[NOTE + 2])), {"checkpoint"}),
    "another origin": (with_line(NOTE, b"casetrail/other"), {"checkpoint"}),
    "the log's signature": (with_line(NOTE + 4, flipped(LINES[NOTE + 4])), {"checkpoint"}),
    "no signature of the log": (
        b"\n".join([*LINES[: NOTE + 4], *LINES[NOTE + 5 :]]),
        {"checkpoint"},
    ),
    "a log that the policy does not list": (receipt(note=note_of(by=OTHER_LOG)), {"checkpoint"}),
    "another log's checkpoint, signed by ours": (
        receipt(note=LOG.signed(TEXT.replace("casetrail/log", "casetrail/other"))),
        {"checkpoint"},
    ),
    "an earlier checkpoint": (receipt(note=note_of(SIZE - 1)), {"inclusion"}),
    "a checkpoint with an empty line": (
        receipt(note=LOG.signed(f"{TEXT}\nmore\n")),
        {"checkpoint"},
    ),
    "one cosignature": (receipt(note=note_of(witnesses=(A,))), {"quorum"}),
    "no cosignature": (receipt(note=note_of(witnesses=())), {"quorum"}),
    "an altered cosignature": (
        with_line(NOTE + 5, flipped(LINES[NOTE + 5])),
        {"witness", "quorum"},
    ),
    "a cosignature of another checkpoint": (
        cosigned(A.cosignature(TEXT, AT), B.cosignature(OTHER_TEXT, AT)),
        {"witness", "quorum"},
    ),
    "a cosignature twice": (cosigned(A.cosignature(TEXT, AT), A.cosignature(TEXT, AT)), {"quorum"}),
    "a witness at two times": (
        cosigned(A.cosignature(TEXT, AT), A.cosignature(TEXT, AT + 1)),
        {"quorum"},
    ),
    "an unknown witness": (
        cosigned(A.cosignature(TEXT, AT), STRANGER.cosignature(TEXT, AT)),
        {"quorum"},
    ),
    "an unknown witness under a known name": (
        cosigned(A.cosignature(TEXT, AT), renamed(STRANGER.cosignature(TEXT, AT), B.key.name)),
        {"quorum"},
    ),
    "a witness under another's name": (
        cosigned(A.cosignature(TEXT, AT), renamed(A.cosignature(TEXT, AT), B.key.name)),
        {"quorum"},
    ),
    "the log's signature as a cosignature": (
        cosigned(A.cosignature(TEXT, AT), renamed(LOG.signature(TEXT), B.key.name)),
        {"quorum"},
    ),
    "a cosignature after the year 9999": (
        cosigned(A.cosignature(TEXT, AT), B.cosignature(TEXT, 253_402_300_800)),
        {"witness", "quorum"},
    ),
    "a cosignature without its last byte": (
        cosigned(
            A.cosignature(TEXT, AT), B.cosignature(TEXT, AT)[: -len("==\n") - 1].rstrip("=") + "\n"
        ),
        {"checkpoint"},
    ),
    "truncated after the hashes": (b"\n".join(LINES[: NOTE - 1]), {"receipt"}),
    "truncated before the signatures": (b"\n".join(LINES[: NOTE + 3]) + b"\n", {"checkpoint"}),
    "the last newline left out": (SOUND[:-1], {"checkpoint"}),
    "trailing data": (SOUND + b"more\n", {"checkpoint"}),
    "a trailing empty line": (SOUND + b"\n", {"checkpoint"}),
    "a second receipt behind it": (SOUND + SOUND, {"checkpoint"}),
    "an empty line before it": (b"\n" + SOUND, {"receipt"}),
    "Windows line ends": (SOUND.replace(b"\n", b"\r\n"), {"receipt"}),
    "a byte order mark": (b"\xef\xbb\xbf" + SOUND, {"receipt"}),
    "a NUL byte": (with_line(NOTE, LINES[NOTE] + b"\0"), {"checkpoint"}),
    "bytes that are not UTF-8": (with_line(NOTE, b"\xff"), {"checkpoint"}),
    "an empty file": (b"", {"receipt"}),
}
"""What was altered, the file, and the codes of the faults."""

KEY_A, KEY_B = A.key.text, B.key.text
SAME_KEY = Signer("witness/other-name", key_of(3), COSIGNATURE).key.text
POLICIES: Mapping[str, tuple[bytes, int | None]] = {
    "no quorum line": (policy(quorum=""), None),
    "two quorum lines": (policy(quorum="quorum a\nquorum a\n"), 7),
    "a quorum that no line defines": (policy(quorum="quorum d\n"), 6),
    "a quorum before its group": (policy(quorum="quorum g\ngroup g any a\n"), 6),
    "a key twice": (policy(more=f"witness d {KEY_A}\n"), 6),
    "a key twice under another name": (policy(more=f"witness d {SAME_KEY}\n"), 6),
    "a name twice": (policy(more=f"witness a {STRANGER.key.text}\n"), 6),
    "a log twice": (policy(more=f"log {LOG.key.text}\n"), 6),
    "a witness in two groups": (policy(quorum="group g any a b\ngroup h any a c\nquorum g\n"), 7),
    "a witness twice in a group": (policy(quorum="group g 2 a a\nquorum g\n"), 6),
    "a group in itself": (policy(quorum="group g any a g\nquorum g\n"), 6),
    "a group without members": (policy(quorum="group g any\nquorum g\n"), 6),
    "more than all members": (policy(quorum="group g 3 a b\nquorum g\n"), 6),
    "none of the members": (policy(quorum="group g 0 a b\nquorum g\n"), 6),
    "a number with a leading zero": (policy(quorum="group g 02 a b\nquorum g\n"), 6),
    "a number of 5,000 digits": (policy(quorum=f"group g {'9' * 5_000} a b\nquorum g\n"), 6),
    "none as a member": (policy(quorum="group g any a none\nquorum g\n"), 6),
    "none as a name": (policy(more=f"witness none {STRANGER.key.text}\n"), 6),
    "a key of a log as a witness": (policy(more=f"witness d {OTHER_LOG.key.text}\n"), 6),
    "a key of a witness as a log": (policy(more=f"log {STRANGER.key.text}\n"), 6),
    "an unknown word": (policy(more="mirror a b\n"), 6),
    "too many words": (policy(more="log a b c\n"), 6),
    "a carriage return": (policy(quorum="quorum a\r\n"), 6),
    "no newline at the end": (policy()[:-1], 7),
    "white space that is not ASCII": (policy(more=f"log\u00a0{OTHER_LOG.key.text}\n"), 6),
    "an altered key": (policy(more=f"log {OTHER_LOG.key.text[:-2]}A=\n"), 6),
    "a key that is not UTF-8": (policy() + b"log \xff+00000000+AAAA\n", 8),
    "an empty file": (b"", None),
}
"""What is wrong, the policy, and the line that the fault names."""

QUORUMS: Mapping[str, tuple[str, bool]] = {
    "one that has cosigned": ("quorum a\n", True),
    "one that has not": ("quorum c\n", False),
    "none": ("quorum none\n", True),
    "any": ("group g any b c\nquorum g\n", True),
    "any of the others": ("group g any c\nquorum g\n", False),
    "all": ("group g all a b\nquorum g\n", True),
    "not all": ("group g all a b c\nquorum g\n", False),
    "two groups": ("group g 1 a c\ngroup h 1 b\ngroup i all g h\nquorum i\n", True),
    "one of two groups": ("group g 2 a b\ngroup h 1 c\ngroup i all g h\nquorum i\n", False),
    "spaces, tabs and comments": (
        "\t# all\n \t\ngroup  g\tall a  b \n# \xff\n\tquorum g\t\n",
        True,
    ),
}
"""The end of a policy for a receipt that a and b have cosigned."""
