"""Commands on sources that are refused: nothing is silently without effect, and no error repeats a secret."""

from __future__ import annotations

from typing import Any, get_args

import httpx2
import msgspec
import pytest

from domain.sources import signature_schemes as s
from infrastructure.webhooks.sender_names import places_of
from tests.sources.senders import MAPPING, SCHEME, add


@pytest.mark.parametrize(
    "secret",
    ["hidden-value\n", "hidden-value\r", "hidden\0value", "hidden-value" * 50, 4711471147114711],
    ids=range(5),
)
def test_no_error_repeats_a_secret(olga: httpx2.Client, source: str, secret: object) -> None:
    body = {"name": "wrong", "owner": "order_desk", "document": MAPPING, "scheme": SCHEME}
    added = olga.post("/v1/sources", json={**body, "secret": secret})
    rotated = olga.post(f"/v1/sources/{source}/rotate", json={"secret": secret})
    for answer in (added, rotated):
        assert answer.status_code == 422
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/secret"]
        assert "hidden" not in answer.text
        assert "4711" not in answer.text


def test_an_error_says_what_is_wrong_with_a_secret(olga: httpx2.Client, source: str) -> None:
    answer = olga.post(f"/v1/sources/{source}/rotate", json={"secret": "copied-with-its-end\n"})
    assert answer.json()["errors"] == [
        {"pointer": "/secret", "detail": "what was sent is not one line without control characters"}
    ]


SCHEMES: list[Any] = [
    {"scheme": "easypost"},
    {"scheme": "aftership"},
    {"scheme": "hmac", "header": "X-Signature"},
    {"scheme": "shared_secret"},
    {"scheme": "http_basic", "user": "warehouse"},
    None,
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_a_shop_that_no_delivery_names(olga: httpx2.Client, scheme: Any) -> None:
    """It would be compared with nothing, while the operator believes that other shops are kept out."""
    signing = {"scheme": scheme, "secret": "a-secret-of-the-sender"} if scheme else {}
    body = {"name": "shopless", "owner": "order_desk", "document": MAPPING, **signing}
    answer = olga.post("/v1/sources", json={**body, "sender_shop": "ours"})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/sender_shop"]


def test_a_scheme_that_names_the_shop_takes_one(olga: httpx2.Client) -> None:
    shown = add(olga, "with-shop", scheme={"scheme": "woocommerce"}, sender_shop="https://ours/")
    assert shown["sender_shop"] == "https://ours/"


def test_the_schemes_that_name_a_shop_are_those_whose_requests_have_one() -> None:
    fields = {"header": "X-S", "user": "u"}
    for kind in get_args(s.SignatureScheme):
        known = {name: fields[name] for name in fields if name in kind.__struct_fields__}
        scheme = msgspec.convert({"scheme": kind.__struct_config__.tag, **known}, s.SignatureScheme)
        if not isinstance(scheme, s.Adyen):  # its items name the account
            assert s.names_shop(scheme) is bool(places_of(scheme).shop), scheme
    assert s.names_shop(s.Adyen())
    assert not s.names_shop(s.Adyen(signed="body"))
