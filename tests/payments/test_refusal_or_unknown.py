"""Only a few responses of a provider or a proxy are definite; all others leave the outcome unknown."""

import json

import pytest

from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from tests.payments.canned_server import serve_canned_answer
from tests.payments.conftest import Kind, adapter, refund

NONE_YET = json.dumps({"object": "list", "data": [], "has_more": False})
PAID = json.dumps({"id": "pi_1", "object": "payment_intent", "currency": "eur"})


def error(type: str, code: str | None = None, message: str | None = "no") -> str:
    return json.dumps({"error": {"type": type, "code": code, "message": message}})


def refund_at_stripe(status: int, body: str) -> None:
    with serve_canned_answer(status, body, refunds=NONE_YET, pi_1=PAID) as url:
        adapter("stripe", url).refund(refund(payment="pi_1"))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "{}"),
        (200, ""),
        (200, "<html>"),
        (200, "\udcff\udcfe"),
        (200, '{"reference": "re_1"'),
        (204, ""),
        (302, ""),
        (404, "not here"),
        (408, ""),
        (500, "{}"),
        (502, "<html>Bad Gateway</html>"),
        (503, ""),
        (504, ""),
    ],
)
def test_an_unusable_response_leaves_the_outcome_unknown(
    kind: Kind, status: int, body: str
) -> None:
    with serve_canned_answer(status, body) as url, pytest.raises(OutcomeUnknown, match=str(status)):
        adapter(kind, url).refund(refund())
    with serve_canned_answer(status, body) as url, pytest.raises(OutcomeUnknown, match=str(status)):
        adapter(kind, url).find(refund())
    with serve_canned_answer(status, body) as url, pytest.raises(OutcomeUnknown):
        adapter(kind, url).statement()


def test_a_response_about_another_refund_leaves_the_outcome_unknown() -> None:
    other = {"id": "re_1", "amount": 1230, "currency": "eur", "created": 1, "status": "succeeded"}
    with pytest.raises(OutcomeUnknown, match="re_1"):
        refund_at_stripe(200, json.dumps({**other, "metadata": {"casetrail_adjustment": "x"}}))
    made = {"amount": {"amount": "12.30", "currency": "EUR"}, "status": "succeeded", "failure": ""}
    body = json.dumps({"reference": "re_1", "key": "x", **made})
    with serve_canned_answer(201, body) as url, pytest.raises(OutcomeUnknown, match="re_1"):
        adapter("local", url).refund(refund())


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (402, error("card_error", "charge_not_refundable"), "charge_not_refundable"),
        (400, error("invalid_request_error", "charge_already_refunded"), "charge_already_refunded"),
        (404, error("invalid_request_error", "resource_missing"), "resource_missing"),
        (400, error("invalid_request_error"), "invalid_request_error"),
        (400, error("invalid_request_error", message=None), "invalid_request_error"),
    ],
)
def test_a_refusal_of_stripe_has_its_code(status: int, body: str, code: str) -> None:
    with pytest.raises(RefundRefused) as refused:
        refund_at_stripe(status, body)
    assert refused.value.code == code
    assert refused.value.facts == {"code": code}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, error("invalid_request_error")),
        (403, error("invalid_request_error")),
        (409, error("idempotency_error", "idempotency_key_in_use")),
        (424, error("api_error")),
        (429, error("invalid_request_error", "lock_timeout")),
        (429, error("rate_limit_error", "rate_limit")),
        (400, error("api_error")),
        (400, error("something_new")),
        (400, "no JSON"),
    ],
)
def test_a_temporary_error_of_stripe_leaves_the_outcome_unknown(status: int, body: str) -> None:
    with pytest.raises(OutcomeUnknown):
        refund_at_stripe(status, body)


def test_a_reused_key_is_reported_as_our_error() -> None:
    with pytest.raises(RefundKeyReused, match="no"):
        refund_at_stripe(400, error("idempotency_error"))
