"""casetrail policy check: valid, or every error with its path, and never a traceback."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.errors import Invalid
from infrastructure.policies.files import DEFAULT_POLICY_FILE, load_policy
from tests.cli.conftest import Casetrail, CompletedCommand

Policy = dict[str, Any]


@pytest.fixture
def shipped() -> Policy:
    document: Policy = yaml.safe_load(DEFAULT_POLICY_FILE.read_text())
    return document


@pytest.fixture
def checked(
    casetrail: Casetrail, tmp_path: Path
) -> Callable[[Policy | str | bytes], CompletedCommand]:
    def check(policy: Policy | str | bytes) -> CompletedCommand:
        file = tmp_path / "policy.yaml"
        content = yaml.safe_dump(policy) if isinstance(policy, dict) else policy
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return casetrail("policy", "check", file, seconds=20)

    return check


Check = Callable[[Policy | str | bytes], CompletedCommand]


def errors_in(ran: CompletedCommand) -> dict[str, str]:
    """JSON pointer -> error message."""
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
    title, *lines = ran.stderr.splitlines()
    assert title == "The document is not valid."
    faults = [line.strip() for line in lines if line.startswith("  /")]
    return dict(line.split(": ", 1) for line in faults)


def test_the_shipped_policy_is_valid(casetrail: Casetrail) -> None:
    ran = casetrail("policy", "check", DEFAULT_POLICY_FILE)
    assert ran.returncode == 0, ran.stderr
    assert "no errors" in ran.stdout
    document = load_policy().document
    counted = [
        (len(document.kinds), "kinds"),
        (len(document.detect), "detections"),
        (len(document.expect), "expectations"),
        (len(document.route), "routes"),
    ]
    for told in (f"Version {document.version}", *(f"{n} {what}" for n, what in counted)):
        assert told in ran.stdout
    # The author of a region sees its holidays.
    assert "desk is closed in 2026 on 01-01, 03-08, 04-03" in ran.stdout


def test_every_structural_error_has_its_path(checked: Check, shipped: Policy) -> None:
    shipped["nonsense"] = 1
    shipped["version"] = 1
    shipped["queues"]["new_order_review"] = {"title": "", "owner": "x"}
    shipped["kinds"]["refund_due"]["bucket"] = "money"
    shipped["kinds"]["refund_due"]["severity"] = 3
    shipped["kinds"]["delivery_late"]["reopen_within"] = "a month"
    shipped["detect"][0]["when"]["all"][0]["equals"] = True
    shipped["detect"][1]["when"]["all"][1]["fact"] = "Payment"
    del shipped["detect"][2]["kind"]
    shipped["expect"][0]["due"]["by_end_of_day"] = 7
    shipped["expect"][2]["due"]["within"] = "72 hours"
    shipped["priorities"]["severity"]["urgent"] = 1
    shipped["priorities"]["tier"]["vip"] = "high"
    shipped["route"][0]["priority"] = 10**30
    assert set(errors_in(checked(shipped))) == {
        "/nonsense",
        "/version",
        "/queues/new_order_review/title",
        "/queues/new_order_review/owner",
        "/queues/new_order_review/owner_team",
        "/kinds/refund_due/bucket",
        "/kinds/refund_due/severity",
        "/kinds/delivery_late/reopen_within",
        "/detect/0/when/all/0/equals",
        "/detect/1/when/all/1/fact",
        "/detect/2/kind",
        "/expect/0/due/by_end_of_day",
        "/expect/2/due/within",
        "/priorities/severity/urgent",
        "/priorities/tier/vip",
        "/route/0/priority",
    }


def test_every_semantic_error_has_its_path(checked: Check, shipped: Policy) -> None:
    """Unknown names, unknown facts, impossible tests, rules that never apply."""
    mismatch, missing, stock, ended, handed, order, *_ = shipped["detect"]
    mismatch["when"]["all"][0] = {"fact": "payment.compleat", "is": True}
    mismatch["when"]["all"][1]["any"][0]["above"] = "a lot"
    mismatch["when"]["all"][1]["any"][1] = {"fact": "payment.underpaid", "above": 0.5}
    missing["when"] = {"fact": "payment.none_chosen", "is": "yes"}
    stock["when"] = {"fact": "part.lost_open", "is": True}
    ended["when"] = {"all": []}
    handed["when"] = {"fact": "order.cancelled", "is": True, "known": True}
    order["when"] = {
        "not": {"count": "parcel", "where": {"fact": "part.lots", "is": True}, "is": 0}
    }
    order["kind"] = "confusion"
    shipped["expect"][0]["met_by"] = "customer.tier"
    shipped["expect"][1]["due"] = {"at": "promise.ship_by", "after": "milestones.placed_at"}
    shipped["expect"][2]["due"] = {"after": "milestones.placed_at"}
    shipped["expect"][3]["void_by"] = ["milestones.lost_at"]
    del shipped["expect"][4]["met_when"]
    shipped["route"][1]["queue"] = "lost_and_found"
    shipped["route"][-1]["when"] = {"fact": "case.kind", "is": "refund_due"}
    # `above: 0.5` is a number where amounts are text: a structural error, which hides no other.
    form = errors_in(checked(shipped))
    mismatch["when"]["all"][1]["any"][1] = {"fact": "payment.underpaid", "above": True}
    found = set(errors_in(checked(shipped)))
    assert set(form) == found
    assert found >= {
        "/detect/0/when/all/0/fact",
        "/detect/0/when/all/1/any/0/above",
        "/detect/0/when/all/1/any/1/above",
        "/detect/1/when/is",
        "/detect/2/when/fact",
        "/detect/3/when/all",
        "/detect/4/when",
        "/detect/5/when/not/where/fact",
        "/detect/5/kind",
        "/expect/0/met_by",
        "/expect/1/due",
        "/expect/2/due",
        "/expect/3/void_by/0",
        "/expect/4",
        "/route/1/queue",
        "/route",
        "/kinds/milestones_out_of_order",
    }
    assert {place.split("/")[1] for place in found} == {"detect", "expect", "route", "kinds"}


def test_unknown_holidays_and_cut_offs_are_reported_with_the_known_ones(
    checked: Check, shipped: Policy
) -> None:
    shipped["calendars"]["desk"]["holidays"] |= {"subdivision": "Berlin"}
    told = errors_in(checked(shipped))
    assert set(told) == {"/calendars/desk/holidays/subdivision"}
    assert "BB, BE, BW" in told["/calendars/desk/holidays/subdivision"]
    shipped["calendars"]["desk"]["holidays"] = {"country": "de", "years": [2026, "2027"]}
    shipped["services"][1]["by_cut_off"] = {"resolution": "bank"}
    told = errors_in(checked(shipped))
    assert told["/services/1/by_cut_off/resolution"].endswith("carrier_pickup, finance, warehouse")
    assert set(told) == {
        "/calendars/desk/holidays/country",
        "/calendars/desk/holidays/years/1",
        "/services/1/by_cut_off/resolution",
    }


def test_a_repeated_rule_is_an_error(checked: Check, shipped: Policy) -> None:
    shipped["expect"][0]["rule"] = shipped["detect"][0]["rule"]
    told = errors_in(checked(shipped))
    assert any("payments-differ-from-charge" in what + where for where, what in told.items())


BOMB = "\n".join(
    ["a0: &a0 {fact: order.placed, is: true}"]
    + [f"a{n}: &a{n} {{all: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
)
DEEP = "".join(f"{' ' * n}not:\n" for n in range(200))


SHIPPED = DEFAULT_POLICY_FILE.read_text()
NO_POLICIES: dict[str, str | bytes] = {
    "nothing": "",
    "text": "just a line of text",
    "a list": "- a\n- list",
    "broken": "policy: [unclosed",
    "a key twice": "policy: a\npolicy: b\n",
    "code": "policy: !!python/object/apply:os.system ['true']",
    "a list in itself": "a: &a [*a]",
    "a date": "policy: 2018-01-01",
    "a key that is a list": "? [a, b]\n: c",
    "not UTF-8": b"policy: caf\xe9\n",
    "NUL": b"policy: a\0b\n",
    "UTF-16": b"\xff\xfe" + "policy: x\n".encode("utf-16-le"),
    "an unknown anchor": SHIPPED.replace("{fact: order.unavailable, is: true}", "*nobody", 1),
    "ten to the eleventh parts": BOMB
    + "\n"
    + SHIPPED.replace("when: {fact: order.unavailable", "when: {all: [*a11], fact: a.b", 1),
    "too deep": SHIPPED + "x:\n" + DEEP,
    "too large": SHIPPED + "#" * (1 << 20),
}


@pytest.mark.parametrize("name", NO_POLICIES)
def test_a_file_that_is_not_a_policy_is_refused(tmp_path: Path, name: str) -> None:
    content = NO_POLICIES[name]
    file = tmp_path / "policy.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(Invalid):
        load_policy(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_policy_file_is_read_in_every_encoding(
    tmp_path: Path, encoding: str, packed: bool
) -> None:
    file = tmp_path / "policy.yaml"
    content = SHIPPED.encode(encoding)
    file.write_bytes(gzip.compress(content) if packed else content)
    assert load_policy(file).digest == load_policy().digest


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SHIPPED.encode("utf-16-le"), "UTF-16 without a byte order mark: write it in UTF-8"),
        (b"policy: caf\xe9\n", "not UTF-8 (byte 0xe9 at 11): write it in UTF-8"),
        (gzip.compress(SHIPPED.encode())[:-9], "pack it again"),
        (gzip.compress(b"#" * (1 << 21)), "more than 1048576 bytes when unpacked"),
    ],
)
def test_an_unreadable_policy_file_is_refused_with_a_remedy(
    tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    with pytest.raises(Invalid) as refused:
        load_policy(file)
    assert words in refused.value.faults[0].detail


@pytest.mark.parametrize("name", ["a key twice", "too deep"])
def test_a_file_that_is_not_a_policy_is_refused_at_once_with_a_plain_error(
    checked: Check, name: str
) -> None:
    assert errors_in(checked(NO_POLICIES[name]))


def test_a_missing_file_gets_a_plain_error(casetrail: Casetrail, tmp_path: Path) -> None:
    for file in (tmp_path / "none.yaml", tmp_path):
        ran = casetrail("policy", "check", file)
        assert ran.returncode == 2
        assert "Traceback" not in ran.stderr
        assert str(file) in ran.stderr.replace("\n", "")


def test_bootstrap_stores_only_the_first_policy(
    casetrail: Casetrail, shipped: Policy, tmp_path: Path
) -> None:
    file, copy = tmp_path / "mine.yaml", tmp_path / "copy.yaml"
    shipped["version"] = "mine"
    file.write_text(yaml.safe_dump(shipped))
    ran = casetrail("policy", "bootstrap", file)
    assert ran.returncode == 0, ran.stderr
    assert "version mine" in ran.stdout
    digest = load_policy(file).digest
    for version in ("mine", "another"):
        shipped |= {"version": version}
        shipped["priorities"]["severity"]["low"] = 101
        file.write_text(yaml.safe_dump(shipped))
        refused = casetrail("policy", "bootstrap", file)
        assert refused.returncode == 2
        assert "version mine is in force: propose a new version" in refused.stderr
        assert "Traceback" not in refused.stderr
    copy.write_text(casetrail("policy", "show", "--yaml").stdout)
    assert load_policy(copy).digest == digest
