"""Whatever a delivery holds, reading it raises nothing: what cannot be read is named in the answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.mappings.documents import load_mapping, shipped_mappings
from infrastructure.mappings.files import parse_body
from infrastructure.mappings.mapping import Mapping
from tests.mappings.mapped import faults, one_field, read

DOCUMENTS: dict[str, Mapping] = {
    name: load_mapping(file) for name, file in shipped_mappings().items()
}
BIGGEST = 10**4000


def words(name: str) -> list[str]:
    """Names of fields and texts that the document speaks of: the property then reaches its rules."""
    text = shipped_mappings()[name].read_text(encoding="utf-8")
    found = {
        "".join(c for c in word if c.isalnum() or c in "_-@.")
        for word in text.replace(".", " ").split()
    }
    return sorted(word.strip(".") for word in found if 1 < len(word) < 40)


def topics(name: str) -> list[str]:
    listed = [topic for rule in DOCUMENTS[name].deliveries for topic in rule.topics]
    return [topic.rstrip("*") for topic in listed] or ["none"]


def anything(known: list[str]) -> st.SearchStrategy[Any]:
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.just(BIGGEST),
        st.floats(allow_nan=True, allow_infinity=True),
        st.text(max_size=12),
        st.sampled_from(
            [*known, "2026-11-30T10:00:00Z", "12.30", "EUR", "-1", "9" * 400, "/Date(1)/"]
        ),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(known), inner, max_size=8)
        ),
        max_leaves=60,
    )


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_reading_never_raises(name: str) -> None:
    known = words(name)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(anything(known), st.sampled_from(topics(name)))
    def reads(body: Any, topic: str) -> None:
        headers = {"x-shopify-topic": topic, "x-wc-webhook-topic": topic}
        result = read(DOCUMENTS[name], body, headers, {"tracking_number": "T"})
        assert all(one.signal is not None or one.faults for one in result.signals)

    reads()


@pytest.mark.parametrize(
    "body", [None, 7, "text", [], [[]], [7], {}, {"": {"": 1}}, float("nan"), BIGGEST]
)
def test_a_body_of_any_kind_is_read(body: Any) -> None:
    for document in DOCUMENTS.values():
        read(document, body)


def test_a_delivery_that_is_nested_too_deeply_is_refused() -> None:
    body: Any = "x"
    for _ in range(100_000):
        body = {"a": body}
    ((_, detail),) = faults(read(one_field("a"), body))
    assert detail == "the delivery is nested too deeply"


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        ("json", '{"a": NaN}', "NaN is no number of JSON"),
        ("json", "[" * 100_000, "not readable as JSON"),
        ("json", '{"a": ' + "9" * 5_000 + "}", "not readable as JSON"),
        ("json", "{", "not readable as JSON"),
        ("xml", "<a><b></a>", "not readable as XML"),
        ("xml", "", "not readable as XML"),
        ("xml", '<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><a>&d;</a>', "not readable as XML"),
        ("xml", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "not readable as XML"),
    ],
)  # fmt: skip
def test_a_body_that_is_not_of_its_form_is_refused(form: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_body(form, text)


def test_no_shipped_document_copies_a_whole_delivery_into_a_signal() -> None:
    big = {
        "order": {"id": 1, "note": "x" * 100_000, "line_items": [{"id": n} for n in range(2_000)]}
    }
    result = read(DOCUMENTS["shopify"], big, {"x-shopify-topic": "orders/create"})
    assert result.signals[0].faults
    assert len(json.dumps(result.signals[0].document)) < 400_000


def test_the_documents_are_found_by_their_names() -> None:
    assert {name: mapping.name for name, mapping in DOCUMENTS.items()} == {
        name: name for name in DOCUMENTS
    }
    assert all(isinstance(file, Path) for file in shipped_mappings().values())
