"""casetrail sources add, list, mapping, rotate, pause, resume and deliveries; signals --source."""

import json
from pathlib import Path

from tests.cli.conftest import Casetrail
from tests.mappings.samples import SAMPLES
from tests.sources.senders import MAPPING, SECRET, WIDER, placed, scan


def test_a_source_of_files_from_its_addition_to_what_it_did_not_understand(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    document, wider = tmp_path / "little.yaml", tmp_path / "wider.yaml"
    document.write_text(MAPPING)
    wider.write_text(WIDER)
    secret = tmp_path / "secret.txt"
    secret.write_text(f"{SECRET}\n")
    assert "no sources" in casetrail("sources", "list").stdout
    words = ("sources", "add", "little", "--mapping", document, "--owner", "order_desk")
    signed = ("--scheme", '{"scheme": "hmac", "header": "X-Sig"}', "--secret-file", secret)
    added = casetrail(*words, *signed)
    assert added.returncode == 0, added.stderr
    assert "webhook: /v1/sources/little/webhook" in added.stdout
    assert casetrail(*words, *signed).returncode == 2
    orders = tmp_path / "orders.ndjson"
    orders.write_text("".join(json.dumps(placed(f"f-{n}")) + "\n" for n in range(3)))
    sent = ("signals", "--source", "little", orders, "--header", "X-Event:order", "--json")
    ran = casetrail(*sent)
    assert ran.returncode == 0, ran.stderr
    assert (json.loads(ran.stdout)["recorded"], json.loads(ran.stdout)["known"]) == (3, 0)
    assert json.loads(casetrail(*sent).stdout)["known"] == 3
    scans = tmp_path / "scans.ndjson"
    scans.write_text(json.dumps(scan("f-1", "LOST")) + "\nno json\n")
    ran = casetrail("signals", "--source", "little", scans, "--header", "X-Event:scan")
    assert ran.returncode == 1
    assert f"{scans}:2" in ran.stderr
    assert "does not list the code 'LOST'" in ran.stderr
    chosen = casetrail("sources", "mapping", "little", wider, "--reason", "LOST is known now")
    assert chosen.returncode == 0, chosen.stderr
    listed = casetrail("sources", "deliveries", "little", "--not-understood")
    assert "unknown_code" in listed.stdout
    assert " scans.ndjson:1: 1 signal\n" in listed.stdout
    again = casetrail("sources", "read-again", "little")
    assert again.stdout == "2 read again, 1 changed, 1 still not understood\n", again.stderr
    left = casetrail("sources", "deliveries", "little", "--not-understood").stdout
    assert " scans.ndjson:2: 0 signals\n  unreadable_body: not readable as JSON" in left
    (row,) = json.loads(casetrail("sources", "list", "--json").stdout)
    assert (row["deliveries"], row["not understood"], row["refused in 7 d"]) == (5, 1, 0)
    assert SECRET not in ran.stdout + ran.stderr + added.stdout + chosen.stdout


def test_secrets_are_made_and_rotated_and_bad_words_are_explained(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    words = ("sources", "add", "shop", "--mapping", "shopify", "--owner", "order_desk")
    unknown = casetrail(*words, "--scheme", "shopfy", "--generate")
    assert (unknown.returncode, "shopify" in unknown.stderr) == (2, True)
    team = casetrail(*words[:-1], "nobody", "--scheme", "shopify", "--generate")
    assert (team.returncode, "order_desk" in team.stderr) == (2, True)
    missing = casetrail(*words, "--scheme", "shopify")
    assert (missing.returncode, "/secret" in missing.stderr) == (2, True)
    theirs = casetrail(*words, "--scheme", "stripe", "--generate")
    assert (theirs.returncode, "stripe makes the secret" in theirs.stderr) == (2, True)
    made = casetrail(*words, "--scheme", "shopify", "--generate")
    assert "secret (shown only now): " in made.stdout
    first = made.stdout.rpartition(": ")[2].strip()
    turned = casetrail("sources", "rotate", "shop", "--generate", "--overlap-hours", "2")
    assert turned.returncode == 0, turned.stderr
    assert turned.stdout.rpartition(": ")[2].strip() != first
    assert casetrail("sources", "rotate", "shop").returncode == 2
    for command, status in (("pause", 0), ("pause", 2), ("resume", 0), ("resume", 2)):
        assert casetrail("sources", command, "shop", "--reason", "A test.").returncode == status
    (listed,) = [
        one
        for one in json.loads(casetrail("sources", "list", "--json").stdout)
        if one["source"] == "shop"
    ]
    assert (listed["source"], listed["state"], listed["deliveries"]) == ("shop", "active", 0)
    assert "did you mean shop?" in casetrail("sources", "deliveries", "shp").stderr


def test_rows_that_no_format_allows_are_kept_with_file_and_line(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    document = tmp_path / "little.yaml"
    document.write_text(MAPPING)
    casetrail("sources", "add", "rows", "--mapping", document, "--owner", "order_desk")
    table, latin = tmp_path / "scans.csv", tmp_path / "latin.csv"
    header = "number,at,tracking,state\n"
    table.write_text(f"{header}r-1,2026-11-21T10:00:00Z,T-1,MOVING\nr-2,too,few\n")
    latin.write_bytes(f"{header}r-3,2026-11-21T10:00:00Z,T-3,Stra\xdfe\n".encode("latin-1"))
    sent = ("signals", "--source", "rows", table, latin, "--header", "X-Event:scan", "--json")
    first, second = casetrail(*sent), casetrail(*sent)
    assert (first.returncode, second.returncode) == (1, 1)
    found, again = json.loads(first.stdout), json.loads(second.stdout)
    assert (found["recorded"], found["known"], again["known"]) == (1, 0, 3)
    assert found["problems"] == again["problems"], "a file that is read again says the same"
    assert [one["place"] for one in found["problems"]] == [f"{table}:3", str(latin)]
    rows = json.loads(
        casetrail("sources", "deliveries", "rows", "--not-understood", "--json").stdout
    )
    places = {(row["file"], row["line"]): row["reasons"][0]["detail"] for row in rows}
    assert places["scans.csv", 3] == "3 fields, but the header has 4"
    assert "is not UTF-8: save it as UTF-8" in places["latin.csv", None]
    again_read = casetrail("sources", "read-again", "rows").stdout
    assert again_read == "2 read again, 0 changed, 2 still not understood\n"


def test_the_totals_of_files_add_up_with_what_was_printed_and_kept(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    document, table = tmp_path / "little.yaml", tmp_path / "scans.csv"
    document.write_text(MAPPING)
    casetrail("sources", "add", "sums", "--mapping", document, "--owner", "order_desk")
    rows = [
        f"s-{n},2026-11-21T10:00:00Z,T-{n},{state}\n"
        for n, state in enumerate(("MOVING", "LOST", "MOVING"))
    ]
    table.write_text("number,at,tracking,state\n" + "".join(rows) + "s-4,too,few\n" + rows[0])
    sent = ("signals", "--source", "sums", table, "--header", "X-Event:scan")
    first, second = casetrail(*sent), casetrail(*sent, "--json")
    assert first.stdout == (
        "5 deliveries: 4 new, 1 known; 2 of them not understood\n"
        "3 signals of the new ones: 0 duplicate, 0 held, 3 recorded, 0 refused\n"
    )
    assert len(first.stderr.splitlines()) == 2
    found = json.loads(second.stdout)
    assert (found["deliveries"], found["new"], found["known"]) == (5, 0, 5)
    assert (found["not_understood"], found["signals"]) == (len(found["problems"]), 0) == (2, 0)
    kept = json.loads(casetrail("sources", "deliveries", "sums", "--json").stdout)
    assert [sum(one["signals"] for one in kept), len(kept)] == [3, 4]


def test_a_column_that_a_file_lacks_is_named_once(casetrail: Casetrail, tmp_path: Path) -> None:
    document, table = tmp_path / "little.yaml", tmp_path / "scans.csv"
    document.write_text(MAPPING)
    casetrail("sources", "add", "lacks", "--mapping", document, "--owner", "order_desk")
    rows = "".join(f"l-{n},2026-11-21T10:00:00Z,T-{n}\n" for n in range(12))
    table.write_text(f"number,at,tracking\n{rows}l-12,yesterday,T\n")
    sent = ("signals", "--source", "lacks", table, "--header", "X-Event:scan")
    checked = casetrail("sources", "check", document, table, "--header", "X-Event:scan")
    for ran, said in (
        (casetrail(*sent), "stderr"),
        (casetrail(*sent), "stderr"),
        (checked, "stdout"),
    ):
        text = getattr(ran, said)
        assert ran.returncode == 1
        (line,) = [one for one in text.splitlines() if "no column" in one]
        assert line.startswith(
            f"{table}: no column 'state', which the mapping reads; its columns are "
        )
        assert "'number', 'at', 'tracking'. 12 rows wait" in line
        assert "(lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 …)" in line
        assert "/status" not in text
        assert "/event_time" in text, "what is wrong with a row itself is still told"
    table.write_text("number,at,tracking,state\nl-20,yesterday,T,MOVING\n")
    other = casetrail(*sent)
    assert ("no column" in other.stderr, "/event_time" in other.stderr) == (False, True)


def test_a_list_of_deliveries_says_when_there_are_more(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    document, orders = tmp_path / "little.yaml", tmp_path / "orders.ndjson"
    document.write_text(MAPPING)
    casetrail("sources", "add", "more", "--mapping", document, "--owner", "order_desk")
    orders.write_text("".join(json.dumps(placed(f"m-{n}")) + "\n" for n in range(3)))
    casetrail("signals", "--source", "more", orders, "--header", "X-Event:order")
    listing = ("sources", "deliveries", "more", "--json", "--limit")
    some, every = casetrail(*listing, "2"), casetrail(*listing, "3")
    assert [len(json.loads(one.stdout)) for one in (some, every)] == [2, 3]
    assert some.stderr == "these are the newest 2, and there are more; --limit shows up to 1,000\n"
    assert every.stderr == ""
    wrong = casetrail(*listing, "1001")
    assert (wrong.returncode, "1<=x<=1000" in wrong.stderr) == (2, True)


def test_a_dry_run_reads_files_by_the_mapping_of_their_source(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    document, orders = tmp_path / "little.yaml", tmp_path / "orders.ndjson"
    document.write_text(MAPPING)
    orders.write_text(json.dumps(placed("dry-1")))
    casetrail("sources", "add", "dry", "--mapping", document, "--owner", "order_desk")
    sent = ("signals", "--source", "dry", orders, "--header", "X-Event:order")
    ran = casetrail(*sent, "--dry-run")
    assert ran.stdout.startswith("0 duplicate, 0 held, 1 recorded, 0 refused\n"), ran.stderr
    assert "nothing was stored" in ran.stdout
    assert json.loads(casetrail(*sent, "--json").stdout)["known"] == 0


def test_rows_of_one_parcel_are_one_delivery(casetrail: Casetrail) -> None:
    others = SAMPLES / "others"
    words = ("sources", "add", "lager", "--mapping", others / "lager.yaml", "--owner", "order_desk")
    assert casetrail(*words).returncode == 0
    checked = casetrail("sources", "check", others / "lager.yaml", others / "lager.csv")
    assert checked.stdout.count("1 signal\n") == 3, checked.stdout
    sent = ("signals", "--source", "lager", others / "lager.csv", "--json")
    first, second = casetrail(*sent), casetrail(*sent)
    assert (first.returncode, json.loads(first.stdout)["recorded"]) == (0, 3), first.stderr
    assert json.loads(second.stdout)["known"] == 3
    plain = (
        "signals",
        "--mapping",
        others / "lager.yaml",
        "--source",
        "plain",
        others / "lager.csv",
    )
    assert "3 recorded" in casetrail(*plain).stdout


def test_one_delivery_is_shown_and_its_body_written(casetrail: Casetrail, tmp_path: Path) -> None:
    document, rows = tmp_path / "little.yaml", tmp_path / "rows.ndjson"
    document.write_text(MAPPING)
    casetrail("sources", "add", "shown", "--mapping", document, "--owner", "order_desk")
    hostile = scan("shown-1", "\x1b[1mX", at="\x1b[2J")
    rows.write_text(json.dumps(placed("shown-1")) + "\n" + json.dumps(hostile))
    casetrail("signals", "--source", "shown", rows, "--header", "X-Event:order")
    listed = casetrail("sources", "deliveries", "shown", "--json").stdout
    ids = {row["line"]: row["delivery"] for row in json.loads(listed)}
    shown = casetrail("sources", "delivery", "shown", ids[1])
    assert shown.returncode == 0, shown.stderr
    assert "understood\n" in shown.stdout
    assert "rows.ndjson:1" in shown.stdout
    assert "signal shown/placed:shown-1 order.placed: recorded in shown-1\n" in shown.stdout
    body = casetrail("sources", "delivery", "shown", ids[1], "--body").stdout
    assert json.loads(body) == placed("shown-1")
    other = casetrail("sources", "delivery", "shown", ids[2])
    assert ("\x1b" in other.stdout, "unreadable_field" in other.stdout) == (False, True)
    as_json = json.loads(casetrail("sources", "delivery", "shown", ids[2], "--json").stdout)
    assert json.loads(as_json["body"])["state"] == "\x1b[1mX"
    reads = casetrail("audit", "reads", "--order", "shown-1").stdout
    assert "casetrail sources delivery" in reads
    unknown = casetrail("sources", "delivery", "shown", "00000000-0000-4000-8000-000000000000")
    assert (unknown.returncode, "has no delivery" in unknown.stderr) == (2, True)


def test_what_is_never_to_be_understood_is_set_aside(casetrail: Casetrail, tmp_path: Path) -> None:
    document, rows = tmp_path / "little.yaml", tmp_path / "rows.ndjson"
    document.write_text(MAPPING)
    casetrail("sources", "add", "aside", "--mapping", document, "--owner", "order_desk")
    rows.write_text(json.dumps(scan("aside-1", "LOST")))
    casetrail("signals", "--source", "aside", rows, "--header", "X-Event:scan")
    (row,) = json.loads(casetrail("sources", "deliveries", "aside", "--json").stdout)
    words = ("sources", "settle", "aside", row["delivery"], "--why")
    first = casetrail(*words, "A test scan.")
    assert first.returncode == 0, first.stderr
    assert f"{row['delivery']} is set aside\n" in first.stdout
    assert "about the code 'LOST' of states stays open" in first.stdout
    again = casetrail(*words, "Again.").stdout
    assert again.startswith("set aside already, by system:operator on ")
    assert casetrail("sources", "deliveries", "aside", "--not-understood").stdout == ""
    assert ", set aside\n" in casetrail("sources", "deliveries", "aside", "--settled").stdout
    assert casetrail("sources", "remap", "aside").stdout.startswith("0 read again")
    by_id = casetrail("sources", "remap", "aside", row["delivery"]).stdout
    assert by_id == "1 read again, 0 changed, 1 still not understood\n"
