"""Both verifiers read a bundle by one strict grammar, even if its owner signed nonsense."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from infrastructure.verifier.bundle import verify
from infrastructure.verifier.bundle_format import BundleBroken
from infrastructure.verifier.samples import read_members
from tests.audit.forged_bundles import (
    CASE,
    CASE_POSITIONS,
    EXECUTED,
    LOG,
    OTHER,
    PERIOD,
    SIGNER,
    Files,
    bundle,
    envelope,
    persistent_node_verifier,
    reword_manifest,
    sign_again,
    verify_with_both,
    write_files,
)
from tests.infrastructure.bundles import NODE, ROOT

Node = Callable[..., Any] | None
MANIFEST = [("manifest", "manifest.note")]
CHECKPOINT = [("checkpoint", "checkpoint")]
ANSWER = {"count": 2, "sums": {"EUR": "19.50"}}
SOUND = {
    "everything": bundle({"ask": "everything"}),
    "case": bundle({"ask": "case", "case": str(CASE)}, CASE_POSITIONS),
    "period": bundle(PERIOD, range(4, 9)),
    "population": bundle(EXECUTED, answer=ANSWER),
    "later": bundle(EXECUTED, [15, *range(17, 22)], 16, {"count": 1, "sums": {"EUR": "12.50"}}),
    "negative": bundle(
        {"ask": "population", "type": "case.adjustment_executed"},
        answer={"count": 4, "sums": {"EUR": "20.25"}},
    ),
}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with persistent_node_verifier() as asked:
        yield asked


def faults(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault["code"], fault["file"]) for fault in told["faults"]]


@pytest.mark.parametrize("name", SOUND)
def test_a_valid_bundle_is_verified_with_what_it_proves(
    node: Node, tmp_path: Path, name: str
) -> None:
    told = verify_with_both(node, write_files(tmp_path / "b", SOUND[name]))
    assert told["verified"], told["faults"]
    is_whole = name not in ("case", "period")
    assert ("left out" in told["proves"]) is not is_whole


ADDED = [
    "constructor",
    "toString",
    "__proto__",
    "hasOwnProperty",
    "since",
    "\x1b[2Kx",
    "ü",
    "\u202e",
]


@pytest.mark.parametrize("name", ADDED)
def test_an_added_file_with_any_name_is_reported(node: Node, tmp_path: Path, name: str) -> None:
    place = write_files(tmp_path / "b", SOUND["everything"])
    (place / name).mkdir()
    assert faults(verify_with_both(node, place)) == [("file_added", name)]


def test_added_names_that_are_not_utf_8_are_sorted(node: Node, tmp_path: Path) -> None:
    place = write_files(tmp_path / "b", SOUND["everything"])
    for name in (b"\xff", "\U0001f600".encode(), "\uffee".encode(), b"a"):
        Path(os.fsdecode(bytes(place) + b"/" + name)).touch()
    told = [file for _, file in faults(verify_with_both(node, place))]
    assert told == ["a", "\uffee", "\U0001f600", "\ufffd"]


NOTES = {
    "an empty signature before": lambda n: n.replace(b"\n\n", "\n\n— other \n".encode(), 1),
    "a short signature before": lambda n: n.replace(b"\n\n", "\n\n— other AAAA\n".encode(), 1),
    "a signature twice spaced": lambda n: n.replace(b"\n\n", "\n\n— a  AAAAAAA=\n".encode(), 1),
    "a name with a space of another kind": lambda n: n + "— a\u00a0b AAAAAAA=\n".encode(),
    "a name with a plus": lambda n: n + "— a+b AAAAAAA=\n".encode(),
    "words behind": lambda n: n + b"and so on\n",
    "words behind an empty line": lambda n: n + b"\nand so on\n",
    "an empty line behind": lambda n: n + b"\n",
    "half a line behind": lambda n: n + "— other AAAAAAA=".encode(),
    "a return": lambda n: n.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda n: b"\xef\xbb\xbf" + n,
}


@pytest.mark.parametrize("file", ["manifest.note", "checkpoint"])
@pytest.mark.parametrize("what", NOTES)
def test_only_signatures_follow_the_text_of_a_note(
    node: Node, tmp_path: Path, what: str, file: str
) -> None:
    files = dict(SOUND["everything"])
    files[file] = NOTES[what](files[file])
    if file == "checkpoint":
        files = sign_again(files)
    expected = MANIFEST if file == "manifest.note" else CHECKPOINT
    assert faults(verify_with_both(node, write_files(tmp_path / "b", files))) == expected


def test_a_signature_of_another_key_is_ignored(node: Node, tmp_path: Path) -> None:
    files = dict(SOUND["everything"])
    files["manifest.note"] += "— other AAAAAAA=\n".encode()
    assert verify_with_both(node, write_files(tmp_path / "b", files))["verified"]


OVER = [
    "1e1",
    "1_0",
    "-Infinity",
    "NaN",
    "\u0665",
    "abc",
    "10,00",
    "",
    " 5",
    "5\n",
    "-5",
    "+5",
    ".5",
    "5.",
]


@pytest.mark.parametrize("over", [*OVER, "1" * 16, "0.0000001", None, 5, [], {}])
def test_a_question_accepts_one_form_of_amount(node: Node, tmp_path: Path, over: object) -> None:
    def ask(manifest: dict[str, Any]) -> None:
        manifest["question"]["over"] = over

    assert (
        faults(
            verify_with_both(
                node, write_files(tmp_path / "b", sign_again(SOUND["population"], ask))
            )
        )
        == MANIFEST
    )


def edit_everything(name: str, **said: object) -> Files:
    return sign_again(SOUND[name], lambda manifest: manifest.update(said))


def asked(name: str, **said: object) -> Files:
    return sign_again(SOUND[name], lambda manifest: manifest["question"].update(said))


def reword(name: str, old: str, new: str) -> Files:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return reword_manifest(SOUND[name], change)


def without(name: str, *left_out: str) -> Files:
    return sign_again(SOUND[name], lambda told: [told.pop(one) for one in left_out] and None)


DEEP = "[" * 100_000 + "]" * 100_000
BROKEN = {
    **{
        f"without {one}": without("population", one)
        for one in ("events", "answer", "files", "size")
    },
    **{
        f"{name} is {said!r}": edit_everything("everything", **{name: said})
        for name in ("size", "since", "events")
        for said in (-1, 1.5, "1", None, True, 2**53, [])
    },
    "of none": edit_everything("everything", size=0, events=0),
    "since after its size": edit_everything("population", since=22),
    "since without its file": edit_everything("population", since=16),
    "a number with a point": reword("everything", '"size":21', '"size":21.0'),
    "a number with an exponent": reword("everything", '"size":21', '"size":21e0'),
    "a negative nothing": reword("everything", '"since":0', '"since":-0'),
    "none of a number": reword("everything", '"answer":null', '"answer":NaN'),
    "a number without end": reword("everything", '"size":21', f'"size":{"9" * 5000}'),
    "deep": reword("everything", '"answer":null', f'"answer":{DEEP}'),
    "said twice": reword("everything", '"size":21', '"size":1,"size":21'),
    "spaced": reword("everything", '"size":21', '"size": 21'),
    "on two lines": reword("everything", '"size":21', '"size":\n21'),
    "escaped": reword("everything", '"size"', '"\\u0073ize"'),
    "half a character": reword("population", '"over":"5"', '"kind":"\\ud800"'),
    "something more": edit_everything("everything", more=1),
    "a prototype": reword("everything", '"size":21', '"__proto__":{},"size":21'),
    "in an array": reword_manifest(SOUND["everything"], lambda text: f"[{text}]"),
    "with an answer to no question": edit_everything("everything", answer=ANSWER),
    "without an answer": edit_everything("population", answer=None),
    **{
        f"answer {said}": edit_everything("population", answer=said)
        for said in (
            {"count": True, "sums": {}},
            {"count": "2", "sums": {}},
            {"count": 2},
            {"count": 2, "sums": []},
            {"count": 2, "sums": ""},
            {"count": 2, "sums": {"EUR": 7}},
            {"count": 2, "sums": {"euro": "7"}},
            {**ANSWER, "more": 1},
            [],
            "",
        )
    },
    **{
        f"question {said}": edit_everything("everything", question=said)
        for said in (None, [], "everything", {}, {"ask": "constructor"}, {"ask": ["everything"]})
    },
    "a case of none": asked("everything", ask="case"),
    "a case that is no number": asked("case", case="o-1"),
    "more than is asked": asked("everything", case=str(CASE)),
    **{
        f"from {said!r}": asked("population", **{"from": said})
        for said in (
            None,
            5,
            "",
            "2026-10-04",
            "2026-10-04T00:00:00+01:00",
            "2026-10-04T00:00:00.Z",
        )
    },
    "a period without its end": sign_again(
        SOUND["period"], lambda m: m["question"].pop("to") and None
    ),
    **{
        f"digest {said!r}": sign_again(
            SOUND["everything"], lambda m, said=said: m["files"].update({"key": said})
        )
        for said in (5, None, "", "A" * 64)
    },
    "another file": sign_again({**SOUND["everything"], "more": b""}),
    "an unasked since": sign_again({**SOUND["everything"], "since": b""}),
    "fewer events": edit_everything("everything", events=20),
    "more events": edit_everything("everything", events=22),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_invalid_manifest_is_broken(node: Node, tmp_path: Path, what: str) -> None:
    assert faults(verify_with_both(node, write_files(tmp_path / "b", BROKEN[what]))) == MANIFEST


def test_an_answer_is_compared_by_value(node: Node, tmp_path: Path) -> None:
    turned = edit_everything("population", answer={"sums": {"EUR": "19.50"}, "count": 2})
    assert verify_with_both(node, write_files(tmp_path / "turned", turned))["verified"]
    other = edit_everything("population", answer={"count": 2, "sums": {"EUR": "19.5"}})
    told = verify_with_both(node, write_files(tmp_path / "other", other))
    assert faults(told) == [("answer", "manifest.note")]


HEADS = {
    "led by nothing": lambda text: text.replace("\n21\n", "\n021\n"),
    "spaced": lambda text: text.replace("\n21\n", "\n 21\n"),
    "signed": lambda text: text.replace("\n21\n", "\n+21\n"),
    "in hexadecimal": lambda text: text.replace("\n21\n", "\n0x15\n"),
    "with a point": lambda text: text.replace("\n21\n", "\n21.0\n"),
    "endless": lambda text: text.replace("\n21\n", f"\n{'9' * 5000}\n"),
    "another": lambda text: text.replace("\n21\n", "\n20\n"),
    "not padded": lambda text: text.replace("=\n", "\n"),
    "with more behind": lambda text: text.replace("=\n", "=junk\n"),
    "with a space behind": lambda text: text.replace("=\n", "= \n"),
    "of 33 bytes": lambda text: text.replace("=\n", "A\n"),
    "of nobody": lambda text: text.replace("log/1", "", 1),
    "with returns": lambda text: text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_checkpoint_has_one_form(node: Node, tmp_path: Path, what: str) -> None:
    files = dict(SOUND["everything"])
    text = HEADS[what](files["checkpoint"].decode().partition("\n\n")[0] + "\n")
    files["checkpoint"] = SIGNER.signed(text)
    told = verify_with_both(node, write_files(tmp_path / "b", sign_again(files)))
    assert faults(told) == CHECKPOINT


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"\xef\xbb\xbf", b""),
        (b" ", b""),
        (b"", b"\x1c"),
        (b"", b"\xc2\x85"),
        (b"", b"\n\n"),
        (b"", b"\r"),
    ],
)
def test_a_key_is_one_line(node: Node, tmp_path: Path, before: bytes, behind: bytes) -> None:
    files = dict(SOUND["everything"])
    files["key"] = before + SIGNER.key.text.encode() + behind
    assert faults(verify_with_both(node, write_files(tmp_path / "b", sign_again(files)))) == [
        ("key", "key")
    ]


def test_an_invalid_given_key_is_named_and_not_read_as_a_file(node: Node, tmp_path: Path) -> None:
    place = write_files(tmp_path / "b", SOUND["everything"])
    good = SIGNER.key.text
    assert faults(verify_with_both(node, place, "x")) == [("key", "KEY")]
    assert faults(verify_with_both(node, place, good, "x")) == [("key", "WITNESS")]
    assert faults(verify_with_both(node, place, good, "")) == [("key", "WITNESS")]
    assert [fault.file for fault in verify(place, good, "x").faults] == ["KEY 2"]


NODES = [
    "999999999999999999999999 0",
    "64 0",
    "63 99999999999999999999",
    "-1 0",
    "0 -1",
    "0 99999999999999999999",
    "0 999999999999999999999",
    "00 0",
    "0 00",
    "0 \u0665",
    "0 1_0",
]


@pytest.mark.parametrize("line", NODES)
def test_an_invalid_subtree_is_reported_by_line(node: Node, tmp_path: Path, line: str) -> None:
    files = dict(SOUND["case"])
    files["nodes.txt"] += f"{line} {'a' * 64}\n".encode()
    told = verify_with_both(node, write_files(tmp_path / "b", sign_again(files)))
    assert faults(told) == [("nodes", "nodes.txt")]
    assert told["faults"][0]["line"] == files["nodes.txt"].count(b"\n")


def test_empty_subtrees_and_empty_events_are_reported_by_file(node: Node, tmp_path: Path) -> None:
    told = verify_with_both(node, write_files(tmp_path / "n", {**SOUND["case"], "nodes.txt": b""}))
    assert faults(told) == [("nodes", "nodes.txt")]
    told = verify_with_both(
        node, write_files(tmp_path / "e", {**SOUND["case"], "events.ndjson": b""})
    )
    assert faults(told) == [("missing", "events.ndjson")]


def test_a_log_of_absurd_size_is_not_iterated(node: Node, tmp_path: Path) -> None:
    files = edit_everything("everything", size=2**53 - 1, events=2**53 - 1)
    text = files["checkpoint"].decode().partition("\n\n")[0].replace("\n21\n", f"\n{2**53 - 1}\n")
    files["checkpoint"] = SIGNER.signed(f"{text}\n")
    told = verify_with_both(node, write_files(tmp_path / "b", sign_again(files)))
    assert faults(told) == [("missing", "events.ndjson")]


def rewritten(n: int, state: bytes) -> list[bytes]:
    return [*LOG[: n - 1], state, *LOG[n:]]


UNREAD = {
    "no JSON": b'"case.adjustment_executed"}{',
    "no text": b'{"x":"case.adjustment_executed","y":"\xff"}',
    "twice": b'{"x":"case.adjustment_executed"}' * 2,
    "a number": b'{"stream":1,"recorded_at":"2026-10-14T00:00:00Z","event":{"type":"case.adjustment_executed"}}',
    "no time": b'{"stream":"a","recorded_at":"later","event":{"type":"case.adjustment_executed"}}',
    "deep": b'{"x":%b,"y":"case.adjustment_executed"}' % (b"[" * 200 + b"]" * 200),
    "very deep": b'{"x":%b,"y":"case.adjustment_executed"}' % (b"[" * 9000 + b"]" * 9000),
    "none of a number, too": b'{"x":NaN,"y":"case.adjustment_executed"}',
    "an amount with an exponent": envelope(
        OTHER, 1, 14, type="case.adjustment_executed", amount={"amount": "1e5", "currency": "EUR"}
    ),
}
QUESTIONS: dict[str, tuple[Files, list[tuple[str, str]]]] = {
    "everything of a few": (
        bundle({"ask": "everything"}, CASE_POSITIONS),
        [("question", "nodes.txt")],
    ),
    "another case": (
        bundle({"ask": "case", "case": str(OTHER)}, CASE_POSITIONS),
        [("question", "events.ndjson")] * len(CASE_POSITIONS),
    ),
    "a case without its first": (
        bundle({"ask": "case", "case": str(CASE)}, CASE_POSITIONS[1:]),
        [("question", "events.ndjson")] * (len(CASE_POSITIONS) - 1),
    ),
    "a case with one left out": (
        bundle({"ask": "case", "case": str(CASE)}, [*CASE_POSITIONS[:4], CASE_POSITIONS[5]]),
        [("question", "events.ndjson")],
    ),
    "a period and more": (bundle(PERIOD, range(3, 10)), [("question", "events.ndjson")] * 2),
    "a population with some left out": (
        bundle(EXECUTED, range(1, 21), answer=ANSWER),
        [("answer", "nodes.txt")],
    ),
    "a population with what came before": (
        bundle(EXECUTED, range(13, 22), 16, {"count": 2, "sums": {"EUR": "19.50"}}),
        [("answer", "manifest.note")],
    ),
    **{
        what: (
            bundle(
                EXECUTED, answer={"count": 1, "sums": {"EUR": "12.50"}}, log=rewritten(14, state)
            ),
            [("answer", "events.ndjson")],
        )
        for what, state in UNREAD.items()
    },
}


@pytest.mark.parametrize("what", QUESTIONS)
def test_events_must_match_the_question_of_the_manifest(
    node: Node, tmp_path: Path, what: str
) -> None:
    files, expected = QUESTIONS[what]
    told = verify_with_both(node, write_files(tmp_path / "b", files))
    assert (faults(told), told["verified"], told["proves"]) == (expected, False, None)


def test_proposals_before_the_period_are_read_and_not_counted(node: Node, tmp_path: Path) -> None:
    question = {"ask": "population", "type": "case.adjustment_proposed"}
    answer = {"count": 2, "sums": {"EUR": "9.25"}}
    files = bundle(question, [13, 15, *range(17, 22)], 16, answer)
    told = verify_with_both(node, write_files(tmp_path / "b", files))
    assert (told["verified"], told["answer"]) == (True, answer), told


def test_only_regular_files_are_opened(node: Node, tmp_path: Path) -> None:
    def altered(name: str, change: Callable[[Path], object]) -> list[tuple[str, str]]:
        place = write_files(tmp_path / name, SOUND["everything"])
        change(place)
        return faults(verify_with_both(node, place))

    def replaced(make: Callable[[Path], object]) -> Callable[[Path], object]:
        def change(place: Path) -> None:
            (place / "leaves.txt").rename(tmp_path / "leaves")
            make(place / "leaves.txt")

        return change

    missing, added = [("file_missing", "leaves.txt")], [("file_added", "more")]
    assert altered("pipe", replaced(os.mkfifo)) == missing
    assert altered("folder", replaced(Path.mkdir)) == missing
    assert altered("link", replaced(lambda file: file.symlink_to(tmp_path / "leaves"))) == missing
    assert altered("more", lambda place: os.mkfifo(place / "more")) == added
    assert altered("bare", lambda place: (place / "manifest.note").unlink()) == [
        ("file_missing", "manifest.note")
    ]
    place = write_files(tmp_path / "many keys", SOUND["everything"])
    (place / "manifest.note").unlink()
    assert [one.code for one in verify(place, *[SIGNER.key.text] * 2).faults] == ["file_missing"]


def test_an_unreadable_file_has_its_own_error() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        place = write_files(Path(folder) / "b", SOUND["everything"])
        (place / "leaves.txt").chmod(0)
        assert verify_as_unprivileged_user(place) == [("file_unreadable", "leaves.txt")]
        (place / "leaves.txt").chmod(0o644)
        place.chmod(0o711)
        assert verify_as_unprivileged_user(place) == [("file_unreadable", ".")]


def verify_as_unprivileged_user(place: Path) -> list[tuple[str, str]]:
    """Verify as a user without the rights of root."""
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    before = os.geteuid()
    os.seteuid(nobody)
    try:
        told = verify(place).document
    finally:
        os.seteuid(before)
    if NODE is not None:
        folder = place.parent / "verifiers"
        if not folder.exists():
            shutil.copytree(ROOT / "verifiers", folder)
        program = folder / "verify.mjs"
        ran = subprocess.run(
            [NODE, program, place], cwd=place.parent, capture_output=True, user=nobody
        )
        assert json.loads(ran.stdout) == json.loads(json.dumps(told)), ran.stderr
    return faults(told)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"event":{"type":"case.routed"}}',
        b'{"event":"case.routed","stream":"s"}',
        b'["case.routed"]',
        b'{"case.routed"',
    ],
)
def test_a_sample_is_refused_at_a_line_that_is_not_an_event(
    node: Node, tmp_path: Path, odd: bytes
) -> None:
    """The unreadable event could belong to the case of a member."""
    question: dict[str, Any] = {"ask": "population", "type": "case.adjustment_executed"}
    answer = {"count": 4, "sums": {"EUR": "20.25"}}
    place = write_files(tmp_path / "b", bundle(question, answer=answer, log=[*LOG, odd]))
    assert verify_with_both(node, place)["verified"]
    assert len(read_members(place, question, ["month"], 0)) == 4
    with pytest.raises(BundleBroken, match=f"the event at position {len(LOG) + 1} cannot be read"):
        read_members(place, question, ["queue"], 0)
