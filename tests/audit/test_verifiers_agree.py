"""Random changes of a bundle's bytes, lines, names or numbers, signed again: two independent verifiers find
the same errors."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.audit.forged_bundles import (
    CASE,
    CASE_POSITIONS,
    EXECUTED,
    PERIOD,
    SIGNER,
    Files,
    bundle,
    persistent_node_verifier,
    reword_manifest,
    sign_again,
    verify_with_both,
    write_files,
)
from tests.infrastructure.bundles import NODE

MANY = 240
SEED = 9162
ANSWER = {"count": 2, "sums": {"EUR": "19.50"}}
BUNDLES = (
    bundle({"ask": "everything"}),
    bundle({"ask": "case", "case": str(CASE)}, CASE_POSITIONS),
    bundle(PERIOD, range(4, 9)),
    bundle(EXECUTED, answer=ANSWER),
    bundle(EXECUTED, [15, *range(17, 22)], 16, {"count": 1, "sums": {"EUR": "12.50"}}),
)
ODD = (
    *(
        b"",
        b" ",
        b"\n",
        b"\r",
        b"\0",
        b"\t",
        b"\xef\xbb\xbf",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
        b"\x85",
    ),
    *(
        b"\x1c",
        b"{}",
        b"=",
        b"\n\n",
        b"-1",
        b"0",
        b"1e400",
        b"1.0",
        b"9" * 30,
        b"9" * 5000,
        b"null",
    ),
    *(b'"', b"[]", b"true", b"NaN", "\u0665".encode(), "— other \n".encode(), b"\xff", b"A"),
)
NAMES = (
    "constructor",
    "__proto__",
    "since",
    "Key",
    ".hidden",
    "ünï",
    "\U0001f600",
    "\x1b[2K",
    "leaves.txt~",
)
Mutation = Callable[[random.Random, Files], Files]


def change_a_byte(chance: random.Random, files: Files) -> Files:
    name = chance.choice(sorted(files))
    content = bytearray(files[name])
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return {**files, name: bytes(content)}


def change_a_part(chance: random.Random, files: Files) -> Files:
    name = chance.choice(sorted(files))
    content = files[name]
    at = chance.choice([0, len(content), chance.randint(0, len(content))])
    end = min(len(content), at + chance.choice([0, 0, 1, 65, 1000]))
    return {**files, name: content[:at] + chance.choice(ODD) + content[end:]}


def change_a_line(chance: random.Random, files: Files) -> Files:
    name = chance.choice(sorted(files.keys() - {"key"}))
    lines = files[name].splitlines(keepends=True) or [b"\n"]
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            lines.pop(one)
        case 1:
            lines.insert(other, lines[one])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            lines[one] = lines[one].rstrip()
        case _:
            lines.insert(one, chance.choice(ODD) + b"\n")
    return {**files, name: b"".join(lines)}


def change_a_number(chance: random.Random, files: Files) -> Files:
    name = chance.choice(sorted(files))
    found = list(re.finditer(rb"\d+", files[name]))
    if not found:
        return files
    number, content = chance.choice(found), files[name]
    return {**files, name: content[: number.start()] + chance.choice(ODD) + content[number.end() :]}


def change_the_files(chance: random.Random, files: Files) -> Files:
    if chance.random() < 0.5:
        return {**files, chance.choice(NAMES): b""}
    gone = chance.choice(sorted(files))
    return {name: content for name, content in files.items() if name != gone}


def mix_with_another_bundle(chance: random.Random, files: Files) -> Files:
    other = chance.choice(BUNDLES)
    name = chance.choice(sorted(other))
    return {**files, name: other[name]}


def change_the_manifest(chance: random.Random, files: Files) -> Files:
    """Change a name, a number or any part of the manifest, signed by the owner."""

    def change(text: str) -> str:
        part = chance.choice(list(re.finditer(r'"[^"]*"|\d+|null|[{},:]', text)))
        told = chance.choice(
            [one.decode(errors="replace") for one in ODD] + list(re.findall(r'"\w+"', text))
        )
        return text[: part.start()] + told + text[part.end() :]

    return reword_manifest(files, change)


def change_a_checkpoint(chance: random.Random, files: Files) -> Files:
    """Change the checkpoint; the owner signs it and the digests of all files."""
    text = files["checkpoint"].rpartition(b"\n\n")[0] + b"\n"
    changed = change_a_part(chance, {"text": text})["text"].decode(errors="replace")
    return sign_again({**files, "checkpoint": SIGNER.signed(changed)})


def change_and_sign_again(chance: random.Random, files: Files) -> Files:
    """Change the files and sign them, as the owner could."""
    mutation = chance.choice(
        [change_a_byte, change_a_part, change_a_line, change_a_number, mix_with_another_bundle]
    )
    changed = mutation(chance, {one: said for one, said in files.items() if one != "manifest.note"})
    return sign_again({**changed, "manifest.note": files["manifest.note"]})


MUTATIONS: Sequence[Mutation] = (
    change_a_byte,
    change_a_part,
    change_a_line,
    change_a_number,
    change_the_files,
    mix_with_another_bundle,
    *(change_the_manifest, change_the_manifest),
    change_a_checkpoint,
    *(change_and_sign_again, change_and_sign_again),
)


@pytest.mark.skipif(NODE is None, reason="node is not on this machine")
def test_both_verifiers_agree_on_random_changes(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    broken = 0
    with persistent_node_verifier() as node:
        for n in range(MANY):
            mutation, files = chance.choice(MUTATIONS), chance.choice(BUNDLES)
            told = verify_with_both(
                node, write_files(tmp_path / f"{n} {mutation.__name__}", mutation(chance, files))
            )
            broken += not told["verified"]
            shutil.rmtree(tmp_path / f"{n} {mutation.__name__}")
    assert MANY // 2 < broken <= MANY
