"""The cache of an issuer's keys: new keys are fetched, old ones expire, fetches are limited, and cached keys
survive an outage for a limited time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from joserfc.jwk import OctKey, RSAKey

from infrastructure.identity.access_tokens import AccessTokenVerifier, TokenRefused
from infrastructure.identity.key_sets import KeysUnavailable
from infrastructure.identity.trusted_issuers import (
    Issuer,
    IssuerUnusable,
    KeyCacheTimes,
    load_issuers,
)
from tests.api.issuer_server import (
    AUDIENCE,
    OMITTED,
    IssuerServer,
    SigningKey,
    b64,
    segment,
    serve_issuer,
    signature,
)
from tests.api.running_service import run_service

OLD, NEW = SigningKey("ES256", "old"), SigningKey("ES256", "new")
UNKNOWN = SigningKey("ES256", "unknown")


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with serve_issuer(OLD) as server:
        yield server


def verify(tokens: AccessTokenVerifier, token: str) -> str:
    return tokens.verify(token, datetime.now(UTC)).subject


def outcome(tokens: AccessTokenVerifier, token: str) -> str:
    try:
        return verify(tokens, token)
    except (TokenRefused, KeysUnavailable) as refused:
        return type(refused).__name__


def test_keys_are_fetched_once_for_many_tokens(issuer: IssuerServer) -> None:
    tokens = AccessTokenVerifier([issuer.issuer(KeyCacheTimes())])
    made = [issuer.token() for _ in range(200)]
    assert issuer.asked == []  # keys are fetched only on demand
    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(lambda one: verify(tokens, one), made)} == {"ana-1"}
    assert issuer.fetches() == 1


def test_a_new_key_is_fetched_at_its_first_token(issuer: IssuerServer) -> None:
    tokens = AccessTokenVerifier([issuer.issuer(KeyCacheTimes(between=0.2))])
    assert verify(tokens, issuer.token())
    issuer.keys.insert(0, NEW)
    time.sleep(0.2)
    assert verify(tokens, issuer.token(key=NEW))
    assert verify(tokens, issuer.token(key=OLD))
    assert issuer.fetches() == 2


def test_a_removed_key_is_trusted_until_the_cache_expires(issuer: IssuerServer) -> None:
    issuer.keys.append(NEW)
    tokens = AccessTokenVerifier([issuer.issuer(KeyCacheTimes(fresh=0.6, between=0.1))])
    assert verify(tokens, issuer.token(key=OLD))
    issuer.keys.remove(OLD)
    assert verify(tokens, issuer.token(key=OLD))
    time.sleep(0.6)
    assert outcome(tokens, issuer.token(key=OLD)) == "TokenRefused"
    assert verify(tokens, issuer.token(key=NEW))


def test_many_invented_key_ids_cause_no_flood_of_fetches(issuer: IssuerServer) -> None:
    between = 0.3
    tokens = AccessTokenVerifier([issuer.issuer(KeyCacheTimes(between=between))])
    assert verify(tokens, issuer.token())
    made = [issuer.token(key=UNKNOWN, header={"kid": f"invented-{n}"}) for n in range(1_500)]
    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        found = [*pool.map(lambda one: outcome(tokens, one), made)]
    took = time.monotonic() - started
    assert {*found} == {"TokenRefused"}
    assert issuer.fetches() <= 2 + took / between
    assert verify(tokens, issuer.token()) == "ana-1"


def test_cached_keys_are_used_for_a_limited_time_while_the_issuer_is_down(
    issuer: IssuerServer,
) -> None:
    patience = KeyCacheTimes(fresh=0.4, stale=2.0, between=0.1, fetch=0.5)
    tokens = AccessTokenVerifier([issuer.issuer(patience)])
    fetched_at = time.monotonic()
    assert verify(tokens, issuer.token())
    issuer.status = 503
    seen = set()
    while time.monotonic() - fetched_at < 1.8:
        seen.add(outcome(tokens, issuer.token()))
        time.sleep(0.05)
    assert seen == {"ana-1"}
    # An unknown key may be a new one: it can be neither accepted nor called wrong.
    assert outcome(tokens, issuer.token(key=UNKNOWN)) == "KeysUnavailable"
    time.sleep(max(0.0, 2.1 - (time.monotonic() - fetched_at)))
    assert outcome(tokens, issuer.token()) == "KeysUnavailable"
    issuer.status = 200
    time.sleep(patience.between)
    assert verify(tokens, issuer.token())


def test_a_hanging_issuer_delays_at_most_one_caller(issuer: IssuerServer) -> None:
    patience = KeyCacheTimes(fresh=0.2, stale=60, between=0.1, fetch=0.6)
    tokens = AccessTokenVerifier([issuer.issuer(patience)])
    assert verify(tokens, issuer.token())
    issuer.delay_seconds = 5
    time.sleep(0.2)
    assert verify(tokens, issuer.token())  # the one caller that waits
    time.sleep(0.1)

    def timed(token: str) -> float:
        started = time.monotonic()
        assert verify(tokens, token)
        return time.monotonic() - started

    with ThreadPoolExecutor(12) as pool:
        took = sorted(pool.map(timed, [issuer.token() for _ in range(12)]))
    assert took[-2] < 0.4, took


def test_an_unreachable_issuer_is_asked_seldom(issuer: IssuerServer) -> None:
    issuer.status = 500
    tokens = AccessTokenVerifier([issuer.issuer(KeyCacheTimes(between=60))])
    found = {outcome(tokens, issuer.token()) for _ in range(20)}
    assert found == {"KeysUnavailable"}
    assert len(issuer.asked) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", 404),
        ("body", b"<html>"),
        ("body", b"[]"),
        ("body", b'{"keys": {}}'),
        ("body", b'{"keys": "' + b"x" * 300_000 + b'"}'),
        ("called", "https://somebody.example"),
        ("called", "http://127.0.0.1"),
    ],
)
def test_a_wrong_response_of_the_issuer_is_refused(
    issuer: IssuerServer, name: str, value: object
) -> None:
    token = issuer.token()
    setattr(issuer, name, value)
    assert outcome(AccessTokenVerifier([issuer.issuer()]), token) == "KeysUnavailable"


def test_a_redirect_is_not_followed(issuer: IssuerServer) -> None:
    with serve_issuer(OLD) as elsewhere:
        issuer.status, issuer.location = 302, f"{elsewhere.name}/certs"
        assert outcome(AccessTokenVerifier([issuer.issuer()]), issuer.token()) == "KeysUnavailable"
        assert elsewhere.asked == []


def test_the_address_of_the_keys_can_be_set(issuer: IssuerServer) -> None:
    told = Issuer(issuer.name, AUDIENCE, f"{issuer.name}/certs")
    assert verify(AccessTokenVerifier([told]), issuer.token())
    assert issuer.asked == ["/realms/shop/certs"]


def test_weak_keys_and_keys_for_other_uses_are_ignored(issuer: IssuerServer) -> None:
    with pytest.warns(match="2048"):
        weak = RSAKey.generate_key(1024)
    secret = OctKey.generate_key(256)
    issuer.more_keys = [
        {**weak.as_dict(private=False), "kid": "weak"},
        {**secret.as_dict(), "kid": "secret", "alg": "ES256"},
        {**NEW.public, "kid": "for-encryption", "use": "enc"},
        {**NEW.public, "kid": "for-ecdh", "alg": "ECDH-ES"},
        {**NEW.public, "kid": "signs-only", "key_ops": ["sign"]},
        {**NEW.public, "kid": "twice"},
        {**UNKNOWN.public, "kid": "twice"},
        {**NEW.public, "kid": "off-the-curve", "x": NEW.public["y"]},
        {**NEW.public, "kid": "off-the-rails", "x": 7},
        {"kty": "EC"},
        {"kid": ["list"], **NEW.public},
        "no key",
        None,
        {**NEW.public, "kid": "good", "alg": "ES256", "key_ops": ["verify"]},
    ]
    tokens = AccessTokenVerifier([issuer.issuer()])
    assert verify(tokens, issuer.token(key=NEW, header={"kid": "good"}))
    for kid in (
        "for-encryption",
        "for-ecdh",
        "signs-only",
        "twice",
        "off-the-curve",
        "off-the-rails",
        OMITTED,
    ):
        token = issuer.token(key=NEW, header={"kid": kid})
        assert outcome(tokens, token) == "TokenRefused", kid
    head = segment({"alg": "RS256", "typ": "at+jwt", "kid": "weak"})
    signing_input = f"{head}.{segment(issuer.claims('ana-1'))}"
    token = f"{signing_input}.{b64(signature(signing_input, weak, 'RS256'))}"
    assert outcome(tokens, token) == "TokenRefused"


def test_other_requests_do_not_wait_while_keys_are_fetched(dsn: str, issuer: IssuerServer) -> None:
    patient = KeyCacheTimes(fetch=10)
    with (
        run_service(dsn, reports=False, issuers=[issuer.issuer(patient)]) as running,
        running.client_as("ana") as ana,
        running.client_as(None) as other,
        running.client_as(None) as prober,
    ):
        desk = running.service.desks.principals_desk
        desk.link("ana", issuer.name, "ana-1", datetime.now(UTC))
        assert ana.get("/v1/me").status_code == 200
        issuer.delay_seconds = 1.0
        other.headers["Authorization"] = f"Bearer {issuer.token()}"
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(other.get("/v1/me").status_code))
        asking.start()
        slowest = 0.0
        asked = 0
        while asking.is_alive():
            for client, path in ((ana, "/v1/me"), (prober, "/livez")):
                started = time.monotonic()
                assert client.get(path).status_code == 200
                slowest = max(slowest, time.monotonic() - started)
                asked += 1
        assert answers == [200]
        assert asked > 20
        assert slowest < 0.5


def test_an_unreachable_issuer_gets_503_and_api_keys_still_work(
    dsn: str, issuer: IssuerServer
) -> None:
    issuer.status = 500
    with (
        run_service(dsn, reports=False, issuers=[issuer.issuer()]) as running,
        running.client_as("ana") as ana,
    ):
        assert ana.get("/v1/me").status_code == 200
        ana.headers["Authorization"] = f"Bearer {issuer.token()}"
        answer = ana.get("/v1/me")
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/issuer-unavailable"
    assert answer.headers["Retry-After"] == "1"


SET_UP = {"CASETRAIL_OIDC_ISSUER": "https://id.example/a", "CASETRAIL_OIDC_AUDIENCE": "casetrail"}


def test_issuers_are_read_from_the_environment() -> None:
    assert load_issuers({}) == ()
    assert load_issuers(SET_UP) == (Issuer("https://id.example/a", "casetrail"),)
    two = {**SET_UP, "CASETRAIL_OIDC_ISSUER": "https://id.example/a http://localhost:8080/b"}
    assert [one.name for one in load_issuers(two)] == [
        "https://id.example/a",
        "http://localhost:8080/b",
    ]
    placed = {**two, "CASETRAIL_OIDC_JWKS": "https://id.example/k http://localhost:8080/k"}
    assert [one.jwks for one in load_issuers(placed)] == [
        "https://id.example/k",
        "http://localhost:8080/k",
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"CASETRAIL_OIDC_AUDIENCE": ""},
        {"CASETRAIL_OIDC_ISSUER": ""},
        {"CASETRAIL_OIDC_ISSUER": "http://id.example"},
        {"CASETRAIL_OIDC_ISSUER": "id.example"},
        {"CASETRAIL_OIDC_ISSUER": "file:///etc/passwd"},
        {"CASETRAIL_OIDC_ISSUER": "http://[broken"},
        {"CASETRAIL_OIDC_ISSUER": "https://id.example https://id.example"},
        {"CASETRAIL_OIDC_JWKS": "http://id.example/keys"},
        {"CASETRAIL_OIDC_JWKS": "https://id.example/1 https://id.example/2"},
    ],
)
def test_an_untrustworthy_issuer_setting_stops_the_start(changed: dict[str, str]) -> None:
    with pytest.raises(IssuerUnusable):
        load_issuers({**SET_UP, **changed})
