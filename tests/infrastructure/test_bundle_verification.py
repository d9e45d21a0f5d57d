"""Two programs that share no code verify an exported bundle. Both find and locate the same changes."""

import json
import re
import shutil
import subprocess
import sys
from functools import partial

import pytest

from infrastructure.transparency.export import LogAltered, NothingToExport
from infrastructure.transparency.signing_keys import open_signer
from infrastructure.verifier.bundle import verify
from tests.infrastructure.bundles import (
    CASE,
    MANY,
    NODE,
    ROOT,
    BundleLog,
    verify_with_node,
    verify_with_python,
)
from tests.tampering import without_triggers

QUERY = {"type": "case.adjustment_executed", "kind": "refund", "over": "500"}
PERIOD = ("2026-10-05T00:00:00.000000Z", "2026-10-09T00:00:00.000000Z")
with_node = pytest.mark.skipif(NODE is None, reason="node is not on this machine")


@pytest.fixture(scope="module")
def bundle_log(databases, template_database, tmp_path_factory):
    with databases.new(template_database) as name:
        bundle_log = BundleLog(databases.dsn(name), tmp_path_factory.mktemp("bundle_log"))
        bundle_log.since = bundle_log.fill()
        yield bundle_log


@pytest.fixture(scope="module")
def bundles(bundle_log):
    return {
        "everything": bundle_log.export("everything", lambda export: export.everything()),
        "case": bundle_log.export("case", lambda export: export.case(CASE)),
        "period": bundle_log.export("period", lambda export: export.period(*PERIOD)),
        "population": bundle_log.export("population", lambda export: export.population(QUERY)),
        "later": bundle_log.export(
            "later", lambda export: export.population(QUERY, bundle_log.since)
        ),
    }


NAMES = ("everything", "case", "period", "population", "later")


@pytest.mark.parametrize("name", NAMES)
def test_an_exported_bundle_is_verified(bundle_log, bundles, name):
    found = verify(bundles[name], bundle_log.checkpoints.signer.key.text)
    assert found.verified, found.faults
    assert found.root == verify(bundles["everything"]).root
    many = {"everything": 50, "population": 50, "case": 14, "period": 8, "later": 8}
    assert found.events == many[name]


@with_node
@pytest.mark.parametrize("name", NAMES)
def test_both_verifiers_give_the_same_report(bundles, name):
    assert verify_with_node(bundles[name]) == verify_with_python(bundles[name])


def test_the_verifier_counts_and_sums_a_list_itself(bundles, bundle_log):
    assert verify(bundles["population"]).answer == {"count": 3, "sums": {"BRL": "2100.51"}}
    # Only what was paid after `since`, even if it was proposed before.
    assert verify(bundles["later"]).answer == {"count": 2, "sums": {"BRL": "1200.51"}}
    query = {**QUERY, "currency": "USD"}
    none = bundle_log.export("none", lambda export: export.population(query))
    assert verify(none).answer == {"count": 0, "sums": {}}
    query = {"type": QUERY["type"], "from": "2026-10-23T10:00:00.5Z", "to": "2026-10-25T10:00:00Z"}
    some = bundle_log.export("some", lambda export: export.population(query))
    assert verify(some).answer == {"count": 2, "sums": {"BRL": "1000.01"}}


def test_the_verifier_imports_no_other_part_of_the_service():
    code = (
        "import sys; import infrastructure.verifier.bundle; "
        "print(sorted(n for n in sys.modules if n.split('.')[0] in "
        "{'api', 'application', 'projections', 'domain', 'infrastructure', 'msgspec', 'psycopg', "
        "'eventsourcing', 'socket'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    found = json.loads(ran.stdout.replace("'", '"'))
    own = re.compile(r"(domain(\.merkle(\..*)?)?|infrastructure(\.verifier(\..*)?)?)")
    assert [name for name in found if not own.fullmatch(name)] == []


def altered(bundle, tmp_path, name, change):
    copy = tmp_path / "altered"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(bundle, copy)
    before = (copy / name).read_bytes()
    after = change(before)
    assert after != before
    (copy / name).write_bytes(after)
    return copy


def lines(change):
    def changed(content):
        found = content.splitlines(keepends=True)
        change(found)
        return b"".join(found)

    return changed


def flipped(place, flip, content):
    return content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]


def swapped(found):
    found[4], found[5] = found[5], found[4]


EVENTS = {
    "an event is changed": (
        lines(lambda f: f.__setitem__(4, f[4].replace(b"ana", b"bob"))),
        "changed",
        4,
    ),
    "an event is removed": (lines(lambda f: f.__delitem__(4)), "missing", 4),
    "an event is duplicated": (lines(lambda f: f.insert(5, f[4])), "duplicated", 4),
    "two are swapped": (lines(swapped), "moved", 4),
    "the last is removed": (lines(lambda f: f.__delitem__(-1)), "missing", -1),
    "one is added at the end": (lambda c: c + b'{"position":999,"envelope":{}}\n', "added", 999),
    "a position is written again": (
        lines(lambda f: f.__setitem__(4, f[3].split(b",")[0] + f[4][f[4].index(b",") :])),
        "duplicated",
        3,
    ),
    "a line is torn": (
        lines(lambda f: f.__setitem__(4, f[4][:20] + b"\n" + f[4][20:])),
        "malformed",
        4,
    ),
    "two lines are one": (lines(lambda f: f.__setitem__(4, f[4].rstrip())), "missing", 5),
    "the end is cut": (lambda c: c[:-9], "malformed", -1),
}


@pytest.mark.parametrize("name", ["everything", "case", "later"])
@pytest.mark.parametrize("what", EVENTS)
def test_a_change_of_an_event_is_located(bundles, tmp_path, name, what):
    change, code, place = EVENTS[what]
    positions = [
        json.loads(line)["position"]
        for line in (bundles[name] / "events.ndjson").read_text().splitlines()
    ]
    copy = altered(bundles[name], tmp_path, "events.ndjson", change)
    found = verify(copy)
    assert not found.verified
    position = place if place == 999 else positions[place]
    assert (code, position) in [(fault.code, fault.position) for fault in found.faults]
    assert {fault.file for fault in found.faults} == {"events.ndjson"}
    if NODE is not None:
        assert verify_with_node(copy) == found.document


@pytest.mark.parametrize(
    "name",
    ["manifest.note", "checkpoint", "since", "key", "events.ndjson", "leaves.txt", "nodes.txt"],
)
def test_a_change_of_any_byte_is_found(bundles, tmp_path, name):
    bundle = bundles["later"]
    size = (bundle / name).stat().st_size
    places = range(size) if size < 2_000 else [*range(0, size, 7), size - 1]
    for place in places:
        for flip in (1, 0x80):
            found = verify(altered(bundle, tmp_path, name, partial(flipped, place, flip)))
            assert not found.verified, place
            where = {fault.file for fault in found.faults}
            assert name in where, (place, found.faults)
            if name in ("events.ndjson", "leaves.txt"):
                assert where == {name}
                assert all(f.line or f.position for f in found.faults), (place, found.faults)


@with_node
@pytest.mark.parametrize(
    "name",
    ["manifest.note", "checkpoint", "since", "key", "events.ndjson", "leaves.txt", "nodes.txt"],
)
def test_both_verifiers_report_the_same_faults(bundles, tmp_path, name):
    bundle = bundles["later"]
    size = (bundle / name).stat().st_size
    for place in range(3, size, max(1, size // 7)):
        copy = altered(bundle, tmp_path, name, partial(flipped, place, 1))
        by_python, by_node = verify_with_python(copy), verify_with_node(copy)
        for report in (by_python, by_node):
            for fault in report["faults"]:
                # Only one of them explains why a signature or a key is invalid.
                if fault["code"] in ("manifest", "checkpoint", "key"):
                    fault["detail"] = ""
        assert by_python == by_node, place


LEAVES = {
    "removed": (lines(lambda f: f.__delitem__(4)), 5),
    "duplicated": (lines(lambda f: f.insert(4, f[4])), 6),
    "swapped": (lines(swapped), 5),
    "added": (lambda c: c + b"0" * 64 + b"\n", 51),
}


@pytest.mark.parametrize("what", LEAVES)
def test_a_change_of_a_leaf_is_located(bundles, tmp_path, what):
    change, line = LEAVES[what]
    copy = altered(bundles["everything"], tmp_path, "leaves.txt", change)
    found = verify(copy)
    first = found.faults[0]
    assert (first.code, first.file, first.line) == ("leaf", "leaves.txt", line)
    if NODE is not None:
        assert verify_with_node(copy) == found.document


def test_added_and_missing_files_are_found(bundles, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(bundles["case"], copy)
    (copy / "more.txt").write_text("and this")
    assert [(f.code, f.file) for f in verify(copy).faults] == [("file_added", "more.txt")]
    (copy / "leaves.txt").unlink()
    assert [(f.code, f.file) for f in verify(copy).faults] == [("file_missing", "leaves.txt")]


def test_a_bundle_signed_by_another_key_is_rejected(bundle_log, bundles, tmp_path):
    another = open_signer(str(tmp_path / "key"))
    found = verify(bundles["case"], another.key.text)
    assert [fault.code for fault in found.faults] == ["manifest"]


def test_an_altered_log_is_not_exported(databases, template_database, tmp_path):
    with databases.new(template_database) as name:
        bundle_log = BundleLog(databases.dsn(name), tmp_path)
        with pytest.raises(NothingToExport):
            bundle_log.export("none", lambda export: export.everything())
        bundle_log.fill()
        from infrastructure.postgres.datastore import connect

        with connect(bundle_log.dsn) as connection, without_triggers(connection):
            connection.execute(
                "UPDATE stored_events SET state = convert_to('{}', 'UTF8') WHERE notification_id = 17"
            )
        with pytest.raises(LogAltered, match="position 17 is the first"):
            bundle_log.export("altered", lambda export: export.everything())
    assert MANY > 17


def test_the_second_verifier_is_a_few_short_files_without_dependencies():
    files = {file.name: file.read_text() for file in (ROOT / "verifiers").iterdir()}
    imported = set()
    for text in files.values():
        assert len(text.splitlines()) < 300
        imported |= set(re.findall(r'from "([^"]+)"', text))
        assert not re.search(r"\b(require|import)\(", text)
    ours = {f"./{name}" for name in files if name != "verify.mjs"}
    assert imported == {"node:crypto", "node:fs", "node:path", *ours}
