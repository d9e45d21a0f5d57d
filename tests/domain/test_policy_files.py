"""A policy file with any content is read, or refused with a fault."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from domain.errors import Invalid
from infrastructure.policies.files import DEFAULT_POLICY_FILE, LARGEST_BYTES, load_policy

TEXT = DEFAULT_POLICY_FILE.read_text(encoding="utf-8")
LEAF = "{fact: order.unavailable, is: true}"


def refused(tmp_path: Path, content: bytes | str) -> Invalid:
    file = tmp_path / "policy.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Invalid) as caught:
        load_policy(file)
    assert caught.value.faults
    return caught.value


UNREADABLE = {
    "a key twice": "policy: a\npolicy: b\n",
    "a key twice, deep down": TEXT.replace(
        "title: Stock is not available", "title: a\n    title: b"
    ),
    "a list for a key": "? [a]\n: b\n",
    "a mapping for a key": "{a: 1}: 2\n",
    "a bool that is none": "policy: !!bool maybe\n",
    "an int that is none": 'policy: !!int ""\n',
    "a float that is none": 'policy: !!float ""\n',
    "bytes": "policy: !!binary aGVsbG8=\n",
    "a set": "policy: !!set {a, b}\n",
    "an object": "policy: !!python/object/apply:os.system [ls]\n",
    "a time that is a mapping": "policy: !!timestamp {a: 1}\n",
    "a number of 5000 digits": f"version: {'9' * 5000}\n",
    "a list within itself": "policy: &a [*a]\n",
    "a mapping within itself": "policy: &a {b: *a}\n",
    "itself": "&a\npolicy: *a\n",
    "an alias of nothing": "policy: *a\n",
    "two documents": "---\na: 1\n---\nb: 2\n",
    "nothing": "",
    "only a comment": "# nothing\n",
    "a control character": 'policy: "\x01"\n',
    "half a character": TEXT.replace("title: Stock is not available", 'title: "\\ud83d"'),
    "an unclosed bracket": "policy: [\n",
    "a tab": "policy:\n\t- a\n",
    "very deep lists": "policy: " + "[" * 2000,
    "very deep mappings": "policy: " + "{a: " * 400 + "}" * 400,
    "Latin-1": "policy: é\n".encode("latin-1"),
    "UTF-16": "policy: a\n".encode("utf-16"),
    "not text": bytes(range(256)),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_file_that_is_not_a_policy_is_refused_with_a_fault(tmp_path, what) -> None:
    refused(tmp_path, UNREADABLE[what])


def test_a_file_that_is_too_large_is_not_read(tmp_path) -> None:
    assert "larger than" in str(refused(tmp_path, b"#" * (LARGEST_BYTES + 1)))


@pytest.mark.parametrize("deep", range(20, 320, 20))
def test_a_condition_of_any_depth_is_read_or_refused(tmp_path, deep) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(TEXT.replace(LEAF, "{all: [" * deep + LEAF + "]}" * deep, 1))
    with contextlib.suppress(Invalid):
        load_policy(file)


def test_yaml_aliases_cannot_exhaust_memory(tmp_path) -> None:
    # Four levels of ten: 10,000 conditions out of 300 characters. Ten levels would fill any
    # memory.
    mountain = f"&a0 {LEAF}"
    for level in range(1, 5):
        mountain = f"&a{level} {{all: [{mountain}{f', *a{level - 1}' * 9}]}}"
    refused(tmp_path, TEXT.replace(LEAF, mountain, 1))


@pytest.mark.parametrize("mark", ["\ufeff", "%YAML 1.1\n---\n", "# a comment\n\n"])
def test_text_before_the_document_does_not_change_it(tmp_path, mark) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(mark + TEXT, encoding="utf-8")
    assert load_policy(file).digest == load_policy().digest


def test_a_date_in_a_policy_stays_text(tmp_path) -> None:
    file = tmp_path / "policy.yaml"
    cleared = "{fact: promise.delivery_date, above: 2026-12-24}"
    file.write_text(TEXT.replace('{fact: payment.difference, at_most: "0.01"}', cleared, 1))
    load_policy(file)


def test_an_amount_without_quotes_is_a_fault_at_its_place(tmp_path) -> None:
    error = refused(tmp_path, TEXT.replace('above: "0.01"', "above: 0.01", 1))
    (fault,) = error.faults
    assert fault.pointer == "/detect/0/when/all/1/any/0/above"


def test_every_fault_of_a_file_has_its_line(tmp_path) -> None:
    text = TEXT.replace("is: true", "is: true, ist: false", 1)
    text = text.replace("fact: payment.overpaid", "fact: payment.overpad")
    text = text.replace("    severity: high\n", "", 1)
    lines = text.splitlines()
    missing = refused(tmp_path, text).faults
    for fault in missing:
        line = int(fault.detail.removeprefix("line ").partition(":")[0])
        last = fault.pointer.rpartition("/")[2]
        if fault.detail.endswith(": missing"):
            assert lines[line - 1].strip() == f"{fault.pointer.split('/')[2]}:"
        else:
            assert f"{last}:" in lines[line - 1]
    said = " ".join(fault.detail for fault in missing)
    assert "unknown field; did you mean is?" in said
    assert ": missing" in said
    assert "payment.overpad" in said


def test_a_missing_file_is_a_file_system_error(tmp_path) -> None:
    with pytest.raises(OSError, match="missing"):
        load_policy(tmp_path / "missing.yaml")
