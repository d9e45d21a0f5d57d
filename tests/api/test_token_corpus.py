"""A corpus of invalid tokens, each refused for its own reason, and of valid ones that are accepted."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwe

from api.composition import desks
from application.log.event_log import Write
from application.log.streams import PERSON
from application.people.people_desk import token_digest
from domain.people import OPERATOR_ACTOR, Role, TokenIssued, token_stream
from domain.permissions import NEVER_FOR_AGENTS, permissions_of
from domain.principals import KeyScope, login_name
from tests.api.issuer_server import (
    AUDIENCE,
    OMITTED,
    SHORT_CACHE_TIMES,
    IssuerServer,
    SigningKey,
    actor_chain,
    b64,
    segment,
    serve_issuer,
    signature,
)
from tests.api.running_service import RunningService, run_service
from tests.conftest import Databases

ES, ES_OTHER = SigningKey("ES256", "es-1"), SigningKey("ES256", "es-2")
RS, PS, ED = SigningKey("RS256", "rs-1"), SigningKey("PS256", "ps-1"), SigningKey("EdDSA", "ed-1")
ED25519 = SigningKey("Ed25519", "ed-2")
ATTACKER = SigningKey("ES256", "es-1")
"""Has the id of one of the issuer's keys."""
ALONE = SigningKey("ES256", "alone")
BEFORE = datetime.now(UTC) - timedelta(days=2)


@dataclass
class Setup:
    """A service, two issuers that it trusts, one that it does not, and keys of all kinds."""

    server: RunningService
    issuer: IssuerServer
    second: IssuerServer
    stranger: IssuerServer
    keys: dict[str, str]

    def ask(self, *headers: str, path: str = "/v1/me") -> httpx2.Response:
        with self.server.client_as(None) as nobody:
            told = [(b"Authorization", header.encode("latin-1")) for header in headers]
            return nobody.get(path, headers=told)


@pytest.fixture(scope="module")
def setup(databases: Databases, template_database: str) -> Iterator[Setup]:
    with (
        serve_issuer(ES, ES_OTHER, RS, PS, ED, ED25519) as issuer,
        serve_issuer(ALONE) as second,
        serve_issuer(ES) as stranger,
        databases.new(template_database) as name,
        run_service(
            databases.dsn(name), reports=False, issuers=[issuer.issuer(), second.issuer()]
        ) as server,
    ):
        yield Setup(server, issuer, second, stranger, _everybody(server, issuer, second))


def _everybody(
    server: RunningService, issuer: IssuerServer, second: IssuerServer
) -> dict[str, str]:
    """Add logins, agents and delegates; return the issued keys by name."""
    now = datetime.now(UTC)
    working = server.service.desks
    desk = working.principals_desk
    working.people.add("lead", [Role.OPS_MANAGER, Role.FINANCE_APPROVER], now)
    for agent, owner in (("triage", "ana"), ("helper", "ana"), ("bos", "bo"), ("gone", "ana")):
        desk.register_agent(owner, agent, now)
    desk.register_agent("lead", "leads", now)
    for subject, person, acts in (
        ("ana-1", "ana", None),
        ("bo-1", "bo", None),
        ("carla-1", "carla", None),
        ("triage-1", "ana", "triage"),
        ("helper-1", "ana", "helper"),
        ("bos-1", "bo", "bos"),
        ("gone-1", "ana", "gone"),
        ("leads-1", "lead", "leads"),
    ):
        desk.link(person, issuer.name, subject, now, agent=acts)
    desk.link("ana", second.name, "ana@second", now)
    desk.link("ana", issuer.name, "left-1", now)
    desk.unlink(issuer.name, "left-1", "An account of its own is enough.", now)
    desk.delegate("ana", "bo", now + timedelta(days=1), "On holiday.", now)
    desk.delegate("carla", "bo", now - timedelta(seconds=1), "A day off.", BEFORE)
    desk.delegate("ana", "carla", now + timedelta(days=1), "On holiday.", now)
    desk.end_delegation("ana", "carla", "Bo does it.", now)
    keys = {
        "good": desk.issue_key("ana", now),
        "agent": desk.issue_key("ana", now, agent="triage"),
        "lead's agent": desk.issue_key("lead", now, agent="leads"),
        "retired": desk.issue_key("ana", now, agent="gone"),
        "narrow": desk.issue_key("ana", now, scope=KeyScope(frozenset({"orders.read"}))),
        "revoked": desk.issue_key("ana", now),
        "expired": desk.issue_key("ana", BEFORE, expires_at=now - timedelta(seconds=2)),
        "ends": desk.issue_key("ana", now, expires_at=now + timedelta(days=1)),
        "nobody's": "ct_" + "Z" * 43,
    }
    desk.revoke_key(token_stream(token_digest(keys["revoked"])), "Found in a chat.", now)
    desk.retire_agent("gone", "Replaced.", now)
    digest = token_digest(keys["nobody's"])
    issued = TokenIssued(name="ghost", key=digest[:12], digest=digest)
    working.log.append(
        [
            Write(
                stream=token_stream(digest),
                kind=PERSON,
                expected=0,
                events=[(OPERATOR_ACTOR, issued)],
                recorded_at=now,
            )
        ]
    )
    return keys


def refused(
    answer: httpx2.Response, status: int, kind: str, words: str, token: str | None = None
) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["type"], told["status"]) == (f"/problems/{kind}", status)
    assert words in told["detail"], told["detail"]
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    else:
        assert "WWW-Authenticate" not in answer.headers
    for secret in (token or "").split("."):
        # The response repeats no part of the token: responses are logged.
        assert len(secret) < 20 or secret not in answer.text


# Invalid tokens: name, words of the refusal, and how each is made.

Make = Callable[[Setup], str]
BAD: dict[str, tuple[Make, str]] = {}
UNBELIEVED = "not-authenticated"


def bad(name: str, words: str) -> Callable[[Make], Make]:
    def take(make: Make) -> Make:
        assert name not in BAD
        BAD[name] = (make, words)
        return make

    return take


def simply(name: str, words: str, **of_the_token: Any) -> None:
    bad(name, words)(lambda setup: setup.issuer.token(**of_the_token))


def unsigned(setup: Setup, algorithm: str, tail: str = "") -> str:
    header = {"alg": algorithm, "typ": "at+jwt", "kid": "es-1"}
    return f"{segment(header)}.{segment(setup.issuer.claims('ana-1'))}.{tail}"


for spelling in ("none", "None", "NONE", "nOnE"):
    bad(f"alg {spelling}, no signature", "neither an API key")(
        lambda setup, alg=spelling: unsigned(setup, alg)
    )
    bad(f"alg {spelling}, some signature", "`alg` must be one of")(
        lambda setup, alg=spelling: unsigned(setup, alg, "AAAA")
    )


def hs256(setup: Setup, secret: bytes, algorithm: str = "HS256", kid: str = "rs-1") -> str:
    header = {"alg": algorithm, "typ": "at+jwt", "kid": kid}
    signing_input = f"{segment(header)}.{segment(setup.issuer.claims('ana-1'))}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
    made = hmac.new(secret, signing_input.encode(), digest[algorithm]).digest()
    return f"{signing_input}.{b64(made)}"


bad("HS256 with the public PEM as secret", "`alg` must be one of")(
    lambda setup: hs256(setup, RS.key.as_pem(private=False))
)
bad("HS256 with the public JWK as secret", "`alg` must be one of")(
    lambda setup: hs256(setup, json.dumps(RS.public).encode())
)
bad("HS512 with the public PEM of the other key", "`alg` must be one of")(
    lambda setup: hs256(setup, ES.key.as_pem(private=False), "HS512", "es-1")
)
bad("HS256 with nothing as secret", "`alg` must be one of")(lambda setup: hs256(setup, b""))
bad("alg says RS256, the MAC is HS256", "signature")(
    lambda setup: (
        segment({"alg": "RS256", "typ": "at+jwt", "kid": "rs-1"})
        + "."
        + segment(setup.issuer.claims("ana-1"))
        + "."
        + b64(b"\x01" * 256)
    )
)
for odd in ("ES384", "RS512", "PS512", "ES256K", "HS256 ", "es256"):
    bad(f"alg {odd}", "`alg` must be one of")(lambda setup, alg=odd: unsigned(setup, alg, "AAAA"))
simply("alg is a list", "`alg` must be one of", header={"alg": ["ES256"]})
simply("alg is missing", "`alg` must be one of", header={"alg": OMITTED})
bad("an RSA key's id with ES256", "the issuer has no key")(
    lambda setup: setup.issuer.token(header={"kid": "rs-1"})
)
bad("signed by another key", "signature")(lambda setup: setup.issuer.token(key=ATTACKER))
bad("signed by the issuer's other key", "signature")(
    lambda setup: setup.issuer.token(header={"kid": "es-2"})
)
bad("the signature stripped", "neither an API key")(
    lambda setup: setup.issuer.token().rpartition(".")[0]
)
bad("the signature empty", "neither an API key")(
    lambda setup: setup.issuer.token().rpartition(".")[0] + "."
)
bad("the signature all zero", "signature")(
    lambda setup: setup.issuer.token().rpartition(".")[0] + "." + b64(bytes(64))
)


@bad("the signature in DER", "signature")
def _(setup: Setup) -> str:
    signing_input, _, _ = setup.issuer.token().rpartition(".")
    raw = signature(signing_input, ES.key, "ES256")
    whole = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    return f"{signing_input}.{b64(encode_dss_signature(*whole))}"


bad("cut off", "signature")(lambda setup: setup.issuer.token()[:-8])
bad("longer by a little", "signature")(lambda setup: setup.issuer.token() + "AAAA")
bad("padded", "neither an API key")(lambda setup: setup.issuer.token() + "==")
bad("with a line break", "neither an API key")(
    lambda setup: setup.issuer.token().replace(".", ". ", 1)
)


@bad("another's claims under a good signature", "signature")
def _(setup: Setup) -> str:
    header, _, made = setup.issuer.token("bo-1").split(".")
    return f"{header}.{segment(setup.issuer.claims('ana-1'))}.{made}"


@bad("an altered header under a good signature", "signature")
def _(setup: Setup) -> str:
    _, claims, made = setup.issuer.token().split(".")
    header = {"alg": "ES256", "typ": "application/at+jwt", "kid": "es-1"}
    return f"{segment(header)}.{claims}.{made}"


for wrong in (
    "es-9",
    "../../../../dev/null",
    "es-1' OR '1'='1",
    "es-1\x00",
    "http://127.0.0.1/k",
    " es-1",
):
    simply(f"kid {wrong!r}", "the issuer has no key", header={"kid": wrong})
simply("kid is empty", "`kid` must be text", header={"kid": ""})
simply("kid is a number", "`kid` must be text", header={"kid": 1})
simply("kid is very long", "`kid` must be text", header={"kid": "k" * 300})
simply("no kid, and several keys", "the issuer has no key", header={"kid": OMITTED})
simply(
    "a key of the attacker's inside (jwk)", "`jwk`", key=ATTACKER, header={"jwk": ATTACKER.public}
)
simply("a good token with a jwk inside", "`jwk`", header={"jwk": ES.public})
simply("a key set elsewhere (jku)", "`jku`", header={"jku": "http://127.0.0.1:1/certs"})
simply("a certificate elsewhere (x5u)", "`x5u`", header={"x5u": "https://127.0.0.1:1/c"})
simply("a certificate inside (x5c)", "`x5c`", header={"x5c": ["AAAA"]})
simply("crit with what is unknown", "`crit`", header={"crit": ["x"], "x": 1})
simply("crit that is empty", "`crit`", header={"crit": []})
simply("b64=false", "`b64`", header={"b64": False})
simply("b64=false and crit", "`b64`", header={"b64": False, "crit": ["b64"]})
simply("a token within a token", "`cty`", header={"cty": "JWT"})
simply("an id token", "`typ`", header={"typ": "JWT"})
simply("a logout token", "`typ`", header={"typ": "logout+jwt"})
simply("typ is missing", "`typ`", header={"typ": OMITTED})
simply("typ is a list", "`typ`", header={"typ": ["at+jwt"]})
bad("of an issuer that nobody trusts", "`iss` must be one of")(lambda setup: setup.stranger.token())
bad("iss with a slash at the end", "`iss` must be one of")(
    lambda setup: setup.issuer.token(iss=setup.issuer.name + "/")
)
bad("iss in capitals", "`iss` must be one of")(
    lambda setup: setup.issuer.token(iss=setup.issuer.name.upper())
)
bad("iss is a list", "`iss` must be one of")(
    lambda setup: setup.issuer.token(iss=[setup.issuer.name])
)
simply("iss is missing", "`iss` must be one of", iss=OMITTED)
bad("the second issuer's name, the first one's key", "the issuer has no key")(
    lambda setup: setup.issuer.token(iss=setup.second.name)
)
simply("for another audience", f"`aud` does not name {AUDIENCE}", aud="billing")
simply("aud is missing", "`aud`", aud=OMITTED)
simply("aud is empty", "`aud`", aud="")
simply("a list of audiences without us", "`aud`", aud=["billing", AUDIENCE + "x"])
simply("an empty list of audiences", "`aud`", aud=[])
simply("a list of audiences with a number", "`aud`", aud=[AUDIENCE, 7])
simply("aud in capitals", "`aud`", aud=AUDIENCE.upper())
simply("aud is an object", "`aud`", aud={AUDIENCE: True})
bad("expired beyond the leeway", "expired at 20")(
    lambda setup: setup.issuer.token(exp=int(time.time()) - 61)
)
bad("expired long ago", "expired at 1970-01-01")(lambda setup: setup.issuer.token(exp=0))
simply("exp is missing", "`exp`", exp=OMITTED)
bad("exp is a text", "`exp`")(lambda setup: setup.issuer.token(exp=str(int(time.time()) + 300)))
simply("exp is true", "`exp`", exp=True)
simply("exp is null", "`exp`", exp=None)
simply("exp is beyond all calendars", "`exp`", exp=10**15)
simply("exp is beyond all floats", "`exp`", exp=10**400)
simply("exp is negative", "`exp`", exp=-1)
simply("exp is NaN", "NaN or Infinity", exp=float("nan"))
simply("exp is infinite", "NaN or Infinity", exp=float("inf"))


def raw_claims(setup: Setup, **replaced: str) -> bytes:
    """The claims as JSON, with some values written as no library would."""
    text = json.dumps(setup.issuer.claims("ana-1", **dict.fromkeys(replaced, "@@@")))
    for name, told in replaced.items():
        text = text.replace(f'"{name}": "@@@"', f'"{name}": {told}')
    return text.encode()


bad("exp is 1e999", "`exp`")(
    lambda setup: setup.issuer.token(payload=raw_claims(setup, exp="1e999"))
)
bad("nbf beyond the leeway", "not valid before")(
    lambda setup: setup.issuer.token(nbf=int(time.time()) + 70)
)
simply("nbf is a text", "`nbf`", nbf="soon")
bad("iat in the far future", "not valid before")(
    lambda setup: setup.issuer.token(iat=int(time.time()) + 3_600, exp=int(time.time()) + 7_200)
)
bad("iat in the future, nbf in the past", "issued in the future")(
    lambda setup: setup.issuer.token(iat=int(time.time()) + 3_600, nbf=1)
)
simply("iat is missing", "`iat`", iat=OMITTED)
simply("jti is missing", "`jti`", jti=OMITTED)
simply("client_id is missing", "`client_id`", client_id=OMITTED)
simply("sub is missing", "`sub`", sub=OMITTED)
simply("sub is empty", "`sub`", subject="")
simply("sub is a number", "`sub`", sub=7)
simply("sub is a list", "`sub`", sub=["ana-1"])
simply("sub has a line break", "`sub`", sub="ana-1\n")
simply("sub has a NUL", "`sub`", sub="ana-1\x00")
simply("sub is very long", "`sub`", sub="a" * 300)
bad("a claim stands twice", "duplicate name")(
    lambda setup: setup.issuer.token(payload=raw_claims(setup, sub='"bo-1", "sub": "ana-1"'))
)


@bad("a header stands twice", "duplicate name")
def _(setup: Setup) -> str:
    header = b'{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"es-1"}'
    signing_input = f"{segment(header)}.{segment(setup.issuer.claims('ana-1'))}"
    return f"{signing_input}.{b64(signature(signing_input, ES.key, 'ES256'))}"


bad("claims that are a list", "cannot be read")(lambda setup: setup.issuer.token(payload=b"[1]"))
bad("claims that are no JSON", "cannot be read")(lambda setup: setup.issuer.token(payload=b"{,}"))
bad("claims in UTF-16", "cannot be read")(
    lambda setup: setup.issuer.token(payload=json.dumps(setup.issuer.claims("a")).encode("utf-16"))
)
bad("claims nested beyond reason", "cannot be read")(
    lambda setup: setup.issuer.token(payload=b"[" * 2_500 + b"]" * 2_500)
)
bad("an encrypted token", "neither an API key")(
    lambda setup: jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A256GCM", "cty": "JWT"}, setup.issuer.token(), RS.key
    )
)
bad("larger than 8 KiB", "larger than 8192 bytes")(
    lambda setup: setup.issuer.token(more="x" * 7_000)
)
simply("act is a text", "`act` is not an object", act="triage-1")
simply("act is a list", "`act` is not an object", act=[{"sub": "triage-1"}])
simply("act is null", "`act` is not an object", act=None)
simply("act is empty", "`sub`", act={})
simply("act with a sub that is no text", "`sub`", act={"sub": 7})
simply("act within act is no object", "`act` is not an object", act={"sub": "triage-1", "act": 1})
simply(
    "act of another issuer", "another issuer", act={"sub": "triage-1", "iss": "https://x.example"}
)
bad("an unknown key", "not known")(lambda setup: "ct_" + "A" * 43)
bad("an empty key", "not known")(lambda setup: "ct_")
bad("a key with another prefix", "neither an API key")(
    lambda setup: setup.keys["good"].replace("ct_", "sk_")
)
bad("a key with the prefix in capitals", "neither an API key")(
    lambda setup: setup.keys["good"].replace("ct_", "CT_")
)
bad("a key in the other case", "not known")(
    lambda setup: "ct_" + setup.keys["good"].removeprefix("ct_").swapcase()
)


@bad("a key with a letter changed", "not known")
def _(setup: Setup) -> str:
    key = setup.keys["good"]
    return key[:-1] + ("A" if key[-1] != "A" else "B")


bad("a key cut off", "not known")(lambda setup: setup.keys["good"][:-1])
bad("the digest of a key", "not known")(lambda setup: "ct_" + token_digest(setup.keys["good"]))
bad("a revoked key", "revoked")(lambda setup: setup.keys["revoked"])
bad("an expired key", "the key expired at 20")(lambda setup: setup.keys["expired"])
bad("a key of a person who does not exist", "not known")(lambda setup: setup.keys["nobody's"])

# Valid tokens of principals without access.

NOT_LINKED, NOT_ACTING = "principal-not-linked", "actor-not-allowed"
FORBIDDEN: dict[str, tuple[Make, str]] = {
    "a subject that is linked to nobody": (lambda d: d.issuer.token("nobody-1"), NOT_LINKED),
    "a person's name as the subject": (lambda d: d.issuer.token("ana"), NOT_LINKED),
    "a subject that was unlinked": (lambda d: d.issuer.token("left-1"), NOT_LINKED),
    "a subject of the other issuer": (lambda d: d.second.token("ana-1"), NOT_LINKED),
    "an actor that is linked to nobody": (
        lambda d: d.issuer.token(act=actor_chain("nobody-1")),
        NOT_ACTING,
    ),
    "an agent of another person": (lambda d: d.issuer.token(act=actor_chain("bos-1")), NOT_ACTING),
    "another's agent behind one's own": (
        lambda d: d.issuer.token(act=actor_chain("triage-1", "bos-1")),
        NOT_ACTING,
    ),
    "the delegate's agent": (
        lambda d: d.issuer.token(act=actor_chain("bos-1", "bo-1")),
        NOT_ACTING,
    ),
    "a retired agent in act": (lambda d: d.issuer.token(act=actor_chain("gone-1")), NOT_ACTING),
    "a retired agent itself": (lambda d: d.issuer.token("gone-1"), NOT_ACTING),
    "a retired agent's key": (lambda d: d.keys["retired"], NOT_ACTING),
    "a chain of three": (
        lambda d: d.issuer.token(act=actor_chain("triage-1", "helper-1", "triage-1")),
        NOT_ACTING,
    ),
    "a chain of twenty": (
        lambda d: d.issuer.token(act=actor_chain(*["triage-1"] * 20)),
        NOT_ACTING,
    ),
    "a delegation that has expired": (
        lambda d: d.issuer.token("carla-1", act=actor_chain("bo-1")),
        NOT_ACTING,
    ),
    "a delegation that was ended": (
        lambda d: d.issuer.token("ana-1", act=actor_chain("carla-1")),
        NOT_ACTING,
    ),
    "a delegation in the other direction": (
        lambda d: d.issuer.token("bo-1", act=actor_chain("ana-1")),
        NOT_ACTING,
    ),
    "two delegates": (lambda d: d.issuer.token(act=actor_chain("bo-1", "bo-1")), NOT_ACTING),
    "somebody who acts for themselves": (
        lambda d: d.issuer.token("ana-1", act=actor_chain("ana-1")),
        NOT_ACTING,
    ),
}


def test_the_corpus_is_large_enough() -> None:
    assert len(BAD) >= 100
    assert len(FORBIDDEN) >= 15


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_token_is_refused(setup: Setup, name: str) -> None:
    make, words = BAD[name]
    token = make(setup)
    refused(setup.ask(f"Bearer {token}"), 401, UNBELIEVED, words, token)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_valid_token_without_access_is_refused(setup: Setup, name: str) -> None:
    make, kind = FORBIDDEN[name]
    token = make(setup)
    refused(setup.ask(f"Bearer {token}"), 403, kind, "", token)


def test_a_token_in_the_wrong_place_or_beside_another_is_refused(setup: Setup) -> None:
    good = setup.issuer.token()
    assert setup.ask(f"Bearer {good}").status_code == 200
    refused(setup.ask(f"Bearer {good}", f"Bearer {good}"), 401, UNBELIEVED, "two Authorization")
    key = setup.keys["good"]
    refused(setup.ask(f"Bearer {key}", "Basic YW5hOmFuYQ=="), 401, UNBELIEVED, "two Authorization")
    for headers, path in (
        ([], f"/v1/me?access_token={good}"),
        ([f"Basic {good}"], "/v1/me"),
        ([f"DPoP {good}"], "/v1/me"),
        ([good], "/v1/me"),
    ):
        answer = setup.ask(*headers, path=path)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_removed_signing_key_is_refused(setup: Setup) -> None:
    leaving = SigningKey("ES256", "leaving")
    setup.issuer.keys.append(leaving)
    try:
        time.sleep(SHORT_CACHE_TIMES.between)
        assert setup.ask(f"Bearer {setup.issuer.token(key=leaving)}").status_code == 200
    finally:
        setup.issuer.keys.remove(leaving)
    time.sleep(SHORT_CACHE_TIMES.fresh)
    token = setup.issuer.token(key=leaving)
    refused(setup.ask(f"Bearer {token}"), 401, UNBELIEVED, "the issuer has no key", token)


# Valid tokens.

GOOD: dict[str, tuple[Make, dict[str, Any]]] = {
    "signed with ES256": (lambda d: d.issuer.token(key=ES), {}),
    "signed with the other key": (lambda d: d.issuer.token(key=ES_OTHER), {}),
    "signed with RS256": (lambda d: d.issuer.token(key=RS), {}),
    "signed with PS256": (lambda d: d.issuer.token(key=PS), {}),
    "signed with EdDSA": (lambda d: d.issuer.token(key=ED), {}),
    "signed with Ed25519": (lambda d: d.issuer.token(key=ED25519), {}),
    "of the second issuer, without kid": (
        lambda d: d.second.token("ana@second", header={"kid": OMITTED}),
        {},
    ),
    "typ as a whole media type": (
        lambda d: d.issuer.token(header={"typ": "application/at+jwt"}),
        {},
    ),
    "typ in capitals": (lambda d: d.issuer.token(header={"typ": "AT+JWT"}), {}),
    "with a thumbprint beside the kid": (lambda d: d.issuer.token(header={"x5t": "AAAA"}), {}),
    "expired within the leeway": (lambda d: d.issuer.token(exp=int(time.time()) - 50), {}),
    "nbf within the leeway": (lambda d: d.issuer.token(nbf=int(time.time()) + 50), {}),
    "iat within the leeway": (lambda d: d.issuer.token(iat=int(time.time()) + 50), {}),
    "exp with a fraction": (lambda d: d.issuer.token(exp=time.time() + 60.5), {}),
    "for us among others": (lambda d: d.issuer.token(aud=["billing", AUDIENCE]), {}),
    "with claims that say nothing here": (
        lambda d: d.issuer.token(scope="admin", roles=["owner"], person="bo", groups=[{}]),
        {},
    ),
    "of 7 KiB": (lambda d: d.issuer.token(more="x" * 4_500), {}),
    "through an agent": (
        lambda d: d.issuer.token(act=actor_chain("triage-1")),
        {"agents": ["triage"]},
    ),
    "through two agents": (
        lambda d: d.issuer.token(act=actor_chain("triage-1", "helper-1")),
        {"agents": ["helper", "triage"]},
    ),
    "by a delegate": (lambda d: d.issuer.token(act=actor_chain("bo-1")), {"delegate": "bo"}),
    "by a delegate through an agent of the person's": (
        lambda d: d.issuer.token(act=actor_chain("triage-1", "bo-1")),
        {"delegate": "bo", "agents": ["triage"]},
    ),
    "act that names its issuer": (
        lambda d: d.issuer.token(act={"sub": "triage-1", "iss": d.issuer.name}),
        {"agents": ["triage"]},
    ),
    "of an agent itself": (lambda d: d.issuer.token("triage-1"), {"agents": ["triage"]}),
    "a key": (lambda d: d.keys["good"], {}),
    "a key that ends tomorrow": (lambda d: d.keys["ends"], {}),
    "an agent's key": (lambda d: d.keys["agent"], {"agents": ["triage"]}),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_valid_token_identifies_its_principal(setup: Setup, name: str) -> None:
    make, expected = GOOD[name]
    answer = setup.ask(f"Bearer {make(setup)}")
    assert answer.status_code == 200, answer.text
    me = answer.json()
    assert me["person"] == "ana"
    assert {"agents": me["agents"], "delegate": me["delegate"]} == {
        "agents": [],
        "delegate": None,
        **expected,
    }


def test_me_returns_the_principal_its_scope_and_expiry(setup: Setup) -> None:
    expires = int(time.time()) + 120
    me = setup.ask(f"Bearer {setup.issuer.token(exp=expires)}").json()
    assert me["principal"] == login_name(setup.issuer.name, "ana-1")
    assert datetime.fromisoformat(me["expires_at"]).timestamp() == expires
    assert me["key_scope"] is None
    narrow = setup.ask(f"Bearer {setup.keys['narrow']}").json()
    assert narrow["key_scope"] == {"permissions": ["orders.read"], "queues": None, "regions": None}
    assert narrow["permissions"] == ["orders.read", "self.read"]
    assert narrow["expires_at"] is None


def test_a_scoped_key_has_only_its_permissions(setup: Setup) -> None:
    assert setup.ask(f"Bearer {setup.keys['narrow']}", path="/v1/orders").status_code == 200
    answer = setup.ask(f"Bearer {setup.keys['narrow']}", path="/v1/queues")
    refused(answer, 403, "principal-not-permitted", "this key may not cases.read")
    assert answer.json()["permission"] == "cases.read"


def test_an_agent_never_has_permissions_reserved_for_persons(setup: Setup) -> None:
    of_the_person = permissions_of([Role.OPS_MANAGER, Role.FINANCE_APPROVER])
    assert {*of_the_person} & NEVER_FOR_AGENTS
    for token in (setup.keys["lead's agent"], setup.issuer.token("leads-1")):
        me = setup.ask(f"Bearer {token}").json()
        assert {*me["permissions"]} == of_the_person - NEVER_FOR_AGENTS


def test_the_trail_names_the_delegate_and_the_agent(setup: Setup) -> None:
    token = setup.issuer.token(act=actor_chain("triage-1", "bo-1"))
    signal = {
        "type": "order.cancelled",
        "source": "oms",
        "id": "1",
        "order": "D-1",
        "event_time": "2026-01-01T00:00:00Z",
    }
    with setup.server.client_as(None) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.post("/v1/signals", json=signal).status_code == 200
        (line,) = client.get("/v1/orders/D-1/timeline").json()["lines"]
    assert line["actor"] == {
        "principal": login_name(setup.issuer.name, "ana-1"),
        "person": "ana",
        "via": ["triage"],
        "delegate": "bo",
    }


def test_a_revoked_key_is_refused_at_once_here_and_soon_elsewhere(setup: Setup) -> None:
    now = datetime.now(UTC)
    here = setup.server.service.desks.principals_desk
    first, second = here.issue_key("ana", now), here.issue_key("ana", now)
    assert [setup.ask(f"Bearer {key}").status_code for key in (first, second)] == [200, 200]
    here.revoke_key(token_stream(token_digest(first)), "A test.", now)
    refused(setup.ask(f"Bearer {first}"), 401, UNBELIEVED, "revoked")
    assert setup.ask(f"Bearer {second}").status_code == 200
    with desks(setup.server.dsn) as elsewhere:
        stream = token_stream(token_digest(second))
        elsewhere.principals_desk.revoke_key(stream, "A test.", now)
    until = time.monotonic() + 5.5
    while (answer := setup.ask(f"Bearer {second}")).status_code == 200:
        assert time.monotonic() < until
        time.sleep(0.05)
    refused(answer, 401, UNBELIEVED, "revoked")


def test_an_unlinked_login_is_refused_even_with_a_cached_token(setup: Setup) -> None:
    now = datetime.now(UTC)
    desk = setup.server.service.desks.principals_desk
    desk.link("ana", setup.issuer.name, "short-1", now)
    token = setup.issuer.token("short-1")
    assert setup.ask(f"Bearer {token}").status_code == 200
    desk.unlink(setup.issuer.name, "short-1", "A test.", now)
    refused(setup.ask(f"Bearer {token}"), 403, NOT_LINKED, "no person is linked")


def test_a_service_without_an_issuer_accepts_only_keys(dsn: str) -> None:
    with (
        serve_issuer(ES) as issuer,
        run_service(dsn, reports=False) as server,
        server.client_as("ana") as ana,
    ):
        assert ana.get("/v1/me").status_code == 200
        ana.headers["Authorization"] = f"Bearer {issuer.token()}"
        refused(ana.get("/v1/me"), 401, UNBELIEVED, "no issuer of access tokens")
        assert issuer.asked == []
