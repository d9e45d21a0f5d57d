"""Pull documents: what is wrong with one is told with its place, and those that ship are sound."""

import re

import pytest
import yaml

from domain.errors import Invalid
from infrastructure.pull_hosts import PullHostsUnusable, load_pull_hosts
from infrastructure.pulls.documents import choose_pull, load_pull, parse_pull, shipped_pulls
from tests.sources.pullers import document

GOOD = document()


@pytest.mark.parametrize("name", shipped_pulls())
def test_a_shipped_document_is_sound(name: str) -> None:
    parsed = parse_pull(load_pull(shipped_pulls()[name]), name)
    assert parsed.pull == name
    assert choose_pull(name, None)[0].name == name


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        ("pull: [", "", "YAML"),
        ("pull: a\nlists: []\n", "/lists", "1"),
        (GOOD.replace("items: items", "items: 'items['"), "/lists/0/items", "JMESPath"),
        (GOOD.replace("time: at", "time: ']'"), "/lists/0/time", "JMESPath"),
        (document("cursor", pages={"by": "cursor", "parameter": "c", "cursor": "("}), "/lists/0/pages/cursor", "JMESPath"),
        (document(pages={"by": "pages"}), "/lists/0/pages/by", "page"),
        (document(pages={"by": "cursor", "parameter": "c"}), "/lists/0/pages/cursor", "missing"),
        (document(since={"parameter": "a", "unit": "weeks"}), "/lists/0/since/unit", "iso8601"),
        (document(path="../admin"), "/lists/0/path", ""),
        (document(path="items/.."), "/lists/0/path", ""),
        (document(path="/items"), "/lists/0/path", ""),
        (document(path="https://example.org/items"), "/lists/0/path", ""),
        (document(path="items?x=1"), "/lists/0/path", ""),
        (document(path="items/{id}"), "/lists/0/path", "details"),
        (document(details=[{"path": "items"}]), "/lists/0/details/0/path", "names a field"),
        (document(headers={"Authorization": "x"}), "/lists/0/headers", "X-"),
        (document(colour="blue"), "/lists/0/colour", ""),
        (yaml.safe_dump({**yaml.safe_load(GOOD), "address": "ftp://example.org"}), "/address", "https"),
        (yaml.safe_dump({**yaml.safe_load(GOOD), "address": "https://me:secret@example.org"}), "/address", "https"),
        ("#" * 70_000, "", "larger than"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, pointer: str, detail: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_pull(text)
    assert [one.pointer.startswith(pointer) for one in caught.value.faults] == [True]
    (fault,) = caught.value.faults
    assert detail in fault.detail
    assert not pointer or re.match(r"line \d+: ", fault.detail)


def test_hosts_are_names_with_or_without_a_port() -> None:
    assert load_pull_hosts("") == frozenset()
    assert load_pull_hosts("ERP.internal, 127.0.0.1:80") == {"erp.internal", "127.0.0.1:80"}
    with pytest.raises(PullHostsUnusable, match="CASETRAIL_PULL_HOSTS has 'http://erp'"):
        load_pull_hosts("http://erp")
