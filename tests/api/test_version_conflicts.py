"""ETag and If-Match: a command names the version of its case, and each version is written once (I6)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest

from tests.api.running_service import RunningService, serve
from tests.api.signals import RESOLUTION, open_case, unavailable, version_of

BODIES = {
    "claim": None,
    "release": {"note": ""},
    "resolve": RESOLUTION,
    "reopen": {"note": "it came back"},
}
each_command = pytest.mark.parametrize("command", BODIES)


@each_command
def test_a_command_without_if_match_is_refused(ana: httpx2.Client, command: str) -> None:
    case = open_case(ana)
    answer = ana.post(f"/v1/cases/{case}/{command}", json=BODIES[command])
    assert answer.status_code == 428
    assert answer.json()["type"] == "/problems/version-required"
    assert version_of(ana, case) == 3


@each_command
def test_a_command_on_an_old_version_is_refused_with_the_events_since(
    ana: httpx2.Client, command: str
) -> None:
    case = open_case(ana)
    order = ana.get(f"/v1/cases/{case}").json()["order"]
    ana.post("/v1/signals", json=unavailable(order))
    headers = {"If-Match": '"2"'}
    answer = ana.post(f"/v1/cases/{case}/{command}", json=BODIES[command], headers=headers)
    assert answer.status_code == 412
    problem = answer.json()
    assert problem["type"] == "/problems/case-changed"
    assert (problem["case_id"], problem["version"]) == (case, 4)
    assert problem["since"] == ["case.routed", "case.signal_joined"]
    assert answer.headers["ETag"] == '"4"'
    assert version_of(ana, case) == 4


def test_a_future_version_is_refused(ana: httpx2.Client) -> None:
    case = open_case(ana)
    answer = ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": '"4"'})
    assert (answer.status_code, answer.json()["since"]) == (412, [])


@pytest.mark.parametrize(
    "wrong",
    [
        "3",
        "'3'",
        '"x"',
        '""',
        '"3',
        '"-3"',
        '"3.0"',
        '"3 "',
        "w/3",
        '"1", "3"',
        '"9999999999"',
        "*",
    ],
)
def test_a_malformed_etag_is_refused(ana: httpx2.Client, wrong: str) -> None:
    case = open_case(ana)
    answer = ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": wrong})
    # `*` matches any version (RFC 9110, 13.1.1): a command must name the version it was decided on.
    assert answer.status_code in (400, 412, 428), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert version_of(ana, case) == 3


def test_a_weak_etag_still_names_the_version(ana: httpx2.Client) -> None:
    case = open_case(ana)
    old = ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": 'W/"2"'})
    assert old.status_code == 412
    answer = ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": 'W/"3"'})
    assert answer.status_code == 200


def test_the_etag_of_each_response_fits_the_next_command(ana: httpx2.Client) -> None:
    case = open_case(ana)
    answer = ana.get(f"/v1/cases/{case}")
    for command in ("claim", "release", "claim", "resolve", "reopen", "claim"):
        assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'
        answer = ana.post(
            f"/v1/cases/{case}/{command}",
            json=BODIES[command],
            headers={"If-Match": answer.headers["ETag"]},
        )
        assert answer.status_code == 200, answer.text
    assert ana.get(f"/v1/cases/{case}").json() == answer.json()


@pytest.mark.parametrize("round_", range(5))
def test_only_one_of_many_claims_with_one_etag_succeeds(
    server: RunningService, ana: httpx2.Client, bo: httpx2.Client, round_: int
) -> None:
    case = open_case(ana)
    etag = ana.get(f"/v1/cases/{case}").headers["ETag"]
    with ThreadPoolExecutor(16) as pool:
        clients = [ana, bo] * 8
        answers = list(
            pool.map(
                lambda c: c.post(f"/v1/cases/{case}/claim", headers={"If-Match": etag}), clients
            )
        )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 15}
    (won,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert ana.get(f"/v1/cases/{case}").json() == won


def test_only_one_of_two_servers_stores_each_version(
    server: RunningService, ana: httpx2.Client, bo: httpx2.Client
) -> None:
    with serve(server.dsn) as (url, _), server.client_as("bo") as there:
        there.base_url = url
        case = open_case(ana)
        etag = ana.get(f"/v1/cases/{case}").headers["ETag"]
        for _ in range(20):
            with ThreadPoolExecutor(2) as pool:
                claims = list(
                    pool.map(
                        lambda c, tag=etag: c.post(
                            f"/v1/cases/{case}/claim", headers={"If-Match": tag}
                        ),
                        (ana, there),
                    )
                )
            assert sorted(claim.status_code for claim in claims) == [200, 412]
            won = next(n for n, claim in enumerate(claims) if claim.status_code == 200)
            released = (ana, there)[won].post(
                f"/v1/cases/{case}/release",
                json={},
                headers={"If-Match": claims[won].headers["ETag"]},
            )
            etag = released.headers["ETag"]


@each_command
def test_a_command_on_an_unknown_case_gets_404(ana: httpx2.Client, command: str) -> None:
    answer = ana.post(
        f"/v1/cases/{uuid4()}/{command}", json=BODIES[command], headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/case-not-found"


def test_the_id_of_another_stream_is_not_a_case(server: RunningService, ana: httpx2.Client) -> None:
    lines = ana.get("/v1/events?limit=200").json()["items"]
    others = {line["stream"] for line in lines if not line["event"]["type"].startswith("case.")}
    assert others
    for stream in others:
        for of in ("", "/trail", "/packet"):
            assert ana.get(f"/v1/cases/{stream}{of}").status_code == 404
