"""docs/webhook-signatures.md says what the code does."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from domain.sources import signature_schemes as s
from infrastructure.webhooks.sender_names import places_of

PAGE = (Path(__file__).parents[2] / "docs" / "webhook-signatures.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip(): [cell.strip() for cell in cells[1:]]
    for line in PAGE.splitlines()
    if line.startswith("| `") and len(cells := line[1:-1].split("|")) == 7
}
EXAMPLES = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
HMACS: list[s.HmacScheme] = [
    s.Shopify(),
    s.WooCommerce(),
    s.EasyPost(),
    s.AfterShip(),
    s.Zendesk(),
    s.Adyen(signed="body"),
]
OTHERS: list[s.SignatureScheme] = [s.Stripe(), s.StandardWebhooks(), s.Adyen()]


def row_of(scheme: s.SignatureScheme) -> list[str]:
    name = f"`{msgspec.to_builtins(scheme)['scheme']}`"
    named = name + ", `signed: body`" if scheme == s.Adyen(signed="body") else name
    return ROWS[named]


def test_every_scheme_has_a_row() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in s.SignatureScheme.__args__}
    assert {name.split("`")[1] for name in ROWS} == tags


@pytest.mark.parametrize("scheme", HMACS, ids=lambda scheme: type(scheme).__name__)
def test_the_row_names_header_encoding_and_what_is_signed(scheme: s.HmacScheme) -> None:
    general = s.as_hmac(scheme)
    signature, _, signed, *_ = row_of(scheme)
    assert signature.startswith(f"`{general.header}`")
    assert f"`{general.prefix}`" in signature or not general.prefix
    assert signature.endswith(general.encoding)
    assert signed == ("body" if general.timestamp is None else "time, body")


@pytest.mark.parametrize("scheme", [*HMACS, *OTHERS], ids=lambda scheme: str(scheme))
def test_the_row_says_where_the_names_are(scheme: s.SignatureScheme) -> None:
    places = places_of(scheme)
    if scheme == s.Adyen():
        places = type(places)()  # of each item alone
    told = [cell.strip("`") for cell in row_of(scheme)[3:]]
    assert told == [places.delivery, places.topic, places.shop]


def test_every_example_is_a_scheme() -> None:
    assert len(EXAMPLES) >= 6
    for example in EXAMPLES:
        msgspec.convert(json.loads(example), s.SignatureScheme)
