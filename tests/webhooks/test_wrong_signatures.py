"""Every kind of wrong signature is refused, with the header and the remedy and without the right one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.sources import signature_schemes as s
from infrastructure.webhooks.errors import (
    SignatureMissing,
    SignatureRefused,
    SignatureTooOld,
    SignatureWrong,
)
from infrastructure.webhooks.request import WebhookRequest
from infrastructure.webhooks.verification import MOST_SIGNATURES, verify
from tests.webhooks.signed_requests import (
    BODY,
    BY_NAME,
    HEX,
    NOW,
    PUBLIC,
    SENDERS,
    SIGNING,
    TIMED,
    WHSEC,
    Sender,
    b64,
    sha256,
    standard,
    with_body,
    with_headers,
)

each_sender = pytest.mark.parametrize("sender", SENDERS, ids=str)
each_signing = pytest.mark.parametrize("sender", SIGNING, ids=str)
each_timed = pytest.mark.parametrize("sender", TIMED, ids=str)


def change(sender: Sender, request: WebhookRequest, value: str | None) -> WebhookRequest:
    return with_headers(request, **{sender.signature: value})


@each_sender
def test_no_header(sender: Sender) -> None:
    for value in (None, ""):
        with pytest.raises(SignatureMissing, match=f"(?i){sender.signature}") as refused:
            sender.verify(change(sender, sender.request(), value))
        assert str(refused.value.facts["header"]).lower() == sender.signature


@each_timed
def test_no_header_with_the_time(sender: Sender) -> None:
    request = with_headers(sender.request(), **{sender.time or "": None})
    with pytest.raises(SignatureMissing, match=f"(?i){sender.time}"):
        sender.verify(request)


@each_sender
def test_another_secret_or_one_that_is_no_longer_valid(sender: Sender) -> None:
    assert sender.verify(sender.request()).secret == 0
    for secrets in ([sender.other], [sender.other, sender.other], []):
        with pytest.raises(SignatureWrong, match=f"(?i){sender.signature} fits none"):
            sender.verify(sender.request(), secrets)


@each_sender
def test_an_empty_secret_fits_nothing(sender: Sender) -> None:
    request = sender.request() if sender.name == "standard_ed25519" else sender.request(secret="")
    for secrets in ([""], ["", ""], [" "], ["whsec_"], ["whpk_"]):
        with pytest.raises(SignatureRefused):
            sender.verify(request, secrets)
    assert sender.verify(sender.request(), ["", sender.secret]).secret == 1


@each_sender
def test_the_error_tells_neither_the_secret_nor_the_right_signature(sender: Sender) -> None:
    request = sender.request()
    right = request.headers[sender.signature]
    wrong = right[:-6] + ("A" * 6 if right[-6:] != "A" * 6 else "B" * 6)
    with pytest.raises(SignatureRefused) as refused:
        sender.verify(change(sender, request, wrong))
    told = f"{refused.value} {refused.value.facts}"
    assert sender.secret not in told
    assert right not in told
    assert right[-20:] not in told


@each_signing
def test_another_body(sender: Sender) -> None:
    request = sender.request()
    encoded = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    others = (b"", BODY + b" ", BODY[:-1], BODY + b"\n", encoded, b"\xef\xbb\xbf" + BODY)
    for other in others:
        with pytest.raises(SignatureWrong):
            sender.verify(with_body(request, other))
        with pytest.raises(SignatureWrong):
            sender.verify(with_body(sender.request(other), BODY))


@each_sender
def test_a_signature_that_is_written_otherwise(sender: Sender) -> None:
    request = sender.request()
    good = request.headers[sender.signature]
    others = [good[:-1], good[:-4], good[1:], good.swapcase(), good + "=", good + "A", f'"{good}"']
    others += [good + "\n", good.rstrip("=") + " ", good.replace("=", "=="), good + "\xff"]
    for other in others:
        if other != good:
            with pytest.raises(SignatureRefused):
                sender.verify(change(sender, request, other))


@each_sender
def test_two_headers(sender: Sender) -> None:
    """Standard Webhooks has lists: there, one more header is one more item."""
    request = sender.request()
    raw = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    again = [
        (sender.signature.encode(), value)
        for value in (b"wrong", request.headers[sender.signature].encode())
    ]
    for more in again:
        twice = WebhookRequest.received(BODY, [more, *raw], {})
        if sender.signature == "webhook-signature" and more == again[0]:
            assert sender.verify(twice).secret == 0
        elif sender.signature != "webhook-signature":
            with pytest.raises(SignatureRefused):
                sender.verify(twice)


@each_sender
def test_bytes_that_are_not_ascii(sender: Sender) -> None:
    headers = sender.request().headers
    for value in (
        b"\xff\xfe",
        b"v1=\xe9",
        "v1,\u0661".encode(),
        "t=\u0661,v1=a".encode(),
        b"v1a,\xe9",
    ):
        raw = [(n.encode(), v.encode()) for n, v in headers.items() if n != sender.signature]
        request = WebhookRequest.received(BODY, [*raw, (sender.signature.encode(), value)], {})
        with pytest.raises(SignatureRefused):
            sender.verify(request)
        # Read otherwise than as Latin-1, it is refused as well.
        with pytest.raises(SignatureRefused):
            sender.verify(change(sender, request, "sign\u0442ure\ud800"))


@each_timed
def test_a_time_too_long_ago_or_in_the_future(sender: Sender) -> None:
    for away in (timedelta(days=7), timedelta(seconds=301)):
        for at, way in ((NOW - away, "before"), (NOW + away, "after")):
            with pytest.raises(SignatureTooOld, match=f"(?i){sender.time}.*{way} ours") as refused:
                sender.verify(sender.request(at=at))
            assert refused.value.facts["sent_at"] == at


@each_timed
def test_a_time_that_was_not_signed(sender: Sender) -> None:
    request = sender.request(at=NOW - timedelta(days=7))
    now = sender.request().headers[sender.time or ""]
    if sender.time == sender.signature:
        now = now.partition(",")[0] + "," + request.headers[sender.signature].partition(",")[2]
    with pytest.raises(SignatureWrong):
        sender.verify(with_headers(request, **{sender.time or "": now}))


@each_timed
def test_a_wrong_signature_is_told_before_a_wrong_time(sender: Sender) -> None:
    with pytest.raises(SignatureWrong):
        sender.verify(sender.request(at=NOW - timedelta(days=7)), [sender.other])


@pytest.mark.parametrize(
    "time",
    [
        "1_764_496_800",
        "+1764496800",
        " 1764496800",
        "1764496800.0",
        "١٧٦٤٤٩٦٨٠٠",
        "now",
        "-1",
        "9" * 12,
    ],
)
def test_a_signed_text_that_is_no_time(time: str) -> None:
    key = "whsec_test_secret"
    signature = sha256(key.encode(), time.encode() + b"." + BODY).hex()
    raw = [(b"stripe-signature", f"t={time},v1={signature}".encode())]
    with pytest.raises(SignatureRefused):
        verify(s.Stripe(), WebhookRequest.received(BODY, raw, {}), [key], NOW)
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": time.encode().decode("latin-1"),
        "webhook-signature": "v1,"
        + b64(sha256(b"another!" * 3, b"m." + time.encode() + b"." + BODY)),
    }
    request = WebhookRequest(body=BODY, headers=headers)
    with pytest.raises(SignatureWrong, match="webhook-timestamp is not a Unix time in seconds"):
        verify(s.StandardWebhooks(), request, ["whsec_" + b64(b"another!" * 3)], NOW)


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-30T10:00:00",
        "2026-11-30 10:00:00Z",
        "2026-13-30T10:00:00Z",
        "20261130T100000Z",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_a_signed_text_that_is_no_iso_time(time: str) -> None:
    headers = {
        "x-zendesk-webhook-signature": b64(sha256(b"a secret", time.encode() + BODY)),
        "x-zendesk-webhook-signature-timestamp": time,
    }
    with pytest.raises(SignatureWrong, match="is not a time such as"):
        verify(s.Zendesk(), WebhookRequest(body=BODY, headers=headers), ["a secret"], NOW)


def test_stripe_without_a_signature_of_version_1() -> None:
    sender = BY_NAME["stripe"]
    request = sender.request()
    good = request.headers["stripe-signature"]
    time, _, signature = good.partition(",")
    for value in (
        good.replace("v1=", "v0="),
        signature,
        time,
        f"{time},{good}",
        f"t=1,{good}",
        good.replace(",", ";"),
        "t=,v1=",
    ):
        with pytest.raises(SignatureRefused):
            sender.verify(with_headers(request, stripe_signature=value))


def test_standard_webhooks_of_another_version() -> None:
    for name in ("standard", "standard_ed25519"):
        sender = BY_NAME[name]
        request = sender.request()
        version, _, signature = request.headers["webhook-signature"].partition(",")
        other = {"v1": "v1a", "v1a": "v1"}[version]
        for value in (
            f"{other},{signature}",
            f"v2,{signature}",
            signature,
            f"{version}{signature}",
        ):
            with pytest.raises(SignatureWrong):
                sender.verify(with_headers(request, webhook_signature=value))


def test_a_public_key_is_never_the_key_of_an_hmac() -> None:
    """Everybody may know it, and could sign with it."""
    forged = standard(BODY, "whsec_" + PUBLIC.removeprefix("whpk_"), NOW)
    request = WebhookRequest(body=BODY, headers=forged)
    for secret in (PUBLIC, PUBLIC.removeprefix("whpk_")):
        with pytest.raises(SignatureWrong):
            verify(s.StandardWebhooks(), request, [secret], NOW)


def test_the_id_of_standard_webhooks_is_signed_and_cannot_run_into_the_time() -> None:
    sender = BY_NAME["standard"]
    with pytest.raises(SignatureWrong):
        sender.verify(with_headers(sender.request(), webhook_id="msg_2"))
    # The same signed text, split elsewhere: the body begins with what was the time.
    body = f"{int(NOW.timestamp())}.42".encode()
    signed = standard(body, WHSEC, NOW - timedelta(days=9))
    moved = {**signed, "webhook-id": f"msg_1.{signed['webhook-timestamp']}"}
    moved["webhook-timestamp"] = str(int(NOW.timestamp()))
    with pytest.raises(SignatureWrong, match="runs into the time"):
        verify(s.StandardWebhooks(), WebhookRequest(body=b"42", headers=moved), [WHSEC], NOW)


def test_only_the_first_signatures_of_a_long_list_are_tried() -> None:
    for sender in (BY_NAME["stripe"], BY_NAME["standard"], BY_NAME["standard_ed25519"]):
        request = sender.request()
        good = request.headers[sender.signature]
        if sender.name == "stripe":
            time, _, signature = good.partition(",")
            values = [time, *["v1=0"] * MOST_SIGNATURES, signature]
            long = ",".join(values)
        else:
            long = " ".join(["v1,AAAA"] * MOST_SIGNATURES + [good])
        with pytest.raises(SignatureWrong):
            sender.verify(change(sender, request, long))


def test_the_prefix_is_required() -> None:
    scheme = s.Hmac(header="X-Sig", prefix="sha256=")
    good = sha256(b"a secret", BODY).hex()
    for value in (good, "sha1=" + good, "SHA256=" + good, "sha256=sha256=" + good, "sha256="):
        with pytest.raises(SignatureWrong):
            verify(scheme, WebhookRequest(body=BODY, headers={"x-sig": value}), ["a secret"], NOW)
    for name, prefix in (("shared_secret", "Bearer "), ("easypost", "hmac-sha256-hex=")):
        sender = BY_NAME[name]
        request = sender.request()
        value = request.headers[sender.signature]
        assert value.startswith(prefix)
        with pytest.raises(SignatureWrong):
            sender.verify(change(sender, request, value.removeprefix(prefix)))


def test_another_algorithm_or_encoding() -> None:
    request = BY_NAME["hmac"].request()
    secrets = [BY_NAME["hmac"].secret]
    for scheme in (
        s.Hmac(header="X-Sig", encoding="hex"),
        s.Hmac(header="X-Sig", encoding="base64", algorithm="sha1"),
        s.Hmac(header="X-Sig", encoding="base64", algorithm="sha512"),
        s.Hmac(header="X-Other", encoding="base64"),
    ):
        with pytest.raises(SignatureRefused):
            verify(scheme, request, secrets, NOW)


def test_a_secret_that_cannot_be_one_of_the_scheme_fits_nothing() -> None:
    sender = BY_NAME["adyen_body"]
    for secret in ("not hex", HEX[:-1], f"{HEX[:4]} {HEX[4:]}", "0x" + HEX):
        with pytest.raises(SignatureWrong):
            sender.verify(sender.request(), [secret])


def test_http_basic_of_another_user() -> None:
    sender = BY_NAME["http_basic"]
    with pytest.raises(SignatureWrong):
        verify(s.HttpBasic(user="other"), sender.request(), [sender.secret], NOW)
    for value in ("Bearer abc", "Basic", "Digest x", "Basic  " + "x"):
        with pytest.raises(SignatureRefused):
            sender.verify(with_headers(sender.request(), authorization=value))


@each_signing
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_other_byte_in_body_or_signature_is_refused(
    sender: Sender, data: st.DataObject
) -> None:
    request = sender.request()
    value = request.headers[sender.signature].encode()
    in_body = data.draw(st.booleans())
    whole = BODY if in_body else value
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda n: n != whole[place]))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]
    raw = [(n.encode(), v.encode()) for n, v in request.headers.items() if n != sender.signature]
    raw.append((sender.signature.encode(), value if in_body else changed))
    with pytest.raises(SignatureRefused):
        sender.verify(WebhookRequest.received(changed if in_body else BODY, raw, {}))
