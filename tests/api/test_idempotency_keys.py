"""Idempotency-Key: one key, one effect, one response, byte for byte, across retries and restarts."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from tests.api.holding_proxy import holding_proxy
from tests.api.running_service import RunningService, serve
from tests.api.signals import (
    JSON,
    RESOLUTION,
    captured,
    open_case,
    order_id,
    placed,
    send,
    unavailable,
)
from tests.tampering import without_triggers

Command = Callable[[httpx2.Client, dict[str, str]], httpx2.Response]


def key() -> str:
    return uuid4().hex


def is_same_response(first: httpx2.Response, again: httpx2.Response) -> bool:
    """Whether status, headers and bytes are the same; only the retry is marked as a replay."""
    mine = ("Casetrail-Position", "ETag", "Content-Type")
    return (
        (again.status_code, again.content) == (first.status_code, first.content)
        and [again.headers.get(n) for n in mine] == [first.headers.get(n) for n in mine]
        and "Idempotent-Replayed" not in first.headers
        and again.headers.get("Idempotent-Replayed") == "true"
    )


def head(client: httpx2.Client) -> int:
    return int(client.get("/v1/events").json()["head"])


def claimed(client: httpx2.Client) -> tuple[str, str]:
    """Open and claim a case; return it with its ETag."""
    case = open_case(client)
    etag = client.get(f"/v1/cases/{case}").headers["ETag"]
    answer = client.post(f"/v1/cases/{case}/claim", headers={"If-Match": etag})
    return case, answer.headers["ETag"]


def resolved(client: httpx2.Client) -> tuple[str, str]:
    case, etag = claimed(client)
    headers = {"If-Match": etag}
    answer = client.post(f"/v1/cases/{case}/resolve", json=RESOLUTION, headers=headers)
    return case, answer.headers["ETag"]


def a_claim(client: httpx2.Client) -> Command:
    case = open_case(client)
    etag = client.get(f"/v1/cases/{case}").headers["ETag"]
    return lambda c, h: c.post(f"/v1/cases/{case}/claim", headers={"If-Match": etag, **h})


def a_release(client: httpx2.Client) -> Command:
    case, etag = claimed(client)
    body = {"note": "not mine"}
    return lambda c, h: c.post(
        f"/v1/cases/{case}/release", json=body, headers={"If-Match": etag, **h}
    )


def a_resolution(client: httpx2.Client) -> Command:
    case, etag = claimed(client)
    return lambda c, h: c.post(
        f"/v1/cases/{case}/resolve", json=RESOLUTION, headers={"If-Match": etag, **h}
    )


def a_reopening(client: httpx2.Client) -> Command:
    case, etag = resolved(client)
    body = {"note": "it came back"}
    return lambda c, h: c.post(
        f"/v1/cases/{case}/reopen", json=body, headers={"If-Match": etag, **h}
    )


def a_signal(client: httpx2.Client) -> Command:
    order = order_id()
    send(client, placed(order))
    told = unavailable(order)
    return lambda c, h: c.post("/v1/signals", json=told, headers=h)


def a_batch(client: httpx2.Client) -> Command:
    body = json.dumps([placed(order_id()), {"type": "nonsense"}, placed(order_id())])
    return lambda c, h: c.post("/v1/signals", content=body, headers={**JSON, **h})


def a_duplicate(client: httpx2.Client) -> Command:
    told = placed(order_id())
    client.post("/v1/signals", json=told)
    return lambda c, h: c.post("/v1/signals", json=told, headers=h)


def a_claim_of_the_next(client: httpx2.Client) -> Command:
    order = order_id()
    answer = send(client, placed(order), unavailable(order))
    seen = {"Casetrail-Min-Position": answer.headers["Casetrail-Position"]}
    queue = "/v1/queues/allocation_failure_review/claim-next"
    return lambda c, h: c.post(queue, headers={**seen, **h})


def a_claim_in_an_empty_queue(client: httpx2.Client) -> Command:
    return lambda c, h: c.post("/v1/queues/return_authorization_support/claim-next", headers=h)


COMMANDS = [
    a_claim,
    a_release,
    a_resolution,
    a_reopening,
    a_signal,
    a_batch,
    a_duplicate,
    a_claim_of_the_next,
    a_claim_in_an_empty_queue,
]
each_command = pytest.mark.parametrize("make", COMMANDS, ids=lambda make: make.__name__)


@each_command
def test_a_retry_gets_the_first_response_and_changes_nothing(
    ana: httpx2.Client, make: Callable[[httpx2.Client], Command]
) -> None:
    command, headers = make(ana), {"Idempotency-Key": key()}
    first = command(ana, headers)
    assert first.status_code == (204 if make is a_claim_in_an_empty_queue else 200), first.text
    after = head(ana)
    for _ in range(3):
        assert is_same_response(first, command(ana, headers))
    assert head(ana) == after


@each_command
def test_twenty_concurrent_requests_with_one_key_have_one_effect(
    server: RunningService, ana: httpx2.Client, make: Callable[[httpx2.Client], Command]
) -> None:
    command, headers = make(ana), {"Idempotency-Key": key()}
    before = head(ana)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: command(ana, headers), range(20)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 204, 409}, statuses
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"] == "/problems/idempotency-key-in-flight"
            assert answer.headers["Retry-After"] == "1"
    done = [answer for answer in answers if answer.status_code != 409]
    assert len({(a.status_code, a.content, a.headers["Casetrail-Position"]) for a in done}) == 1
    assert sum("Idempotent-Replayed" not in a.headers for a in done) == 1
    assert head(ana) in (before, int(done[0].headers["Casetrail-Position"]))
    assert command(ana, headers).content == done[0].content


def test_a_restarted_service_gives_the_first_responses(
    server: RunningService, ana: httpx2.Client
) -> None:
    commands = [(make(ana), {"Idempotency-Key": key()}) for make in COMMANDS]
    answers = [command(ana, headers) for command, headers in commands]
    with serve(server.dsn) as (url, _), server.client_as("ana") as client:
        client.base_url = url
        for first, (command, headers) in zip(answers, commands, strict=True):
            assert is_same_response(first, command(client, headers)), first.text


def test_a_key_with_another_body_of_a_signal_is_refused(ana: httpx2.Client) -> None:
    headers = {"Idempotency-Key": key()}
    told = [placed(order_id()), placed(order_id())]
    ana.post("/v1/signals", json=told[0], headers=headers)
    answer = ana.post("/v1/signals", json=told[1], headers=headers)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/idempotency-key-reused"
    assert ana.get(f"/v1/orders/{told[1]['order']}").status_code == 404


def test_a_key_with_another_body_of_a_command_is_refused(ana: httpx2.Client) -> None:
    case, etag = claimed(ana)
    headers = {"Idempotency-Key": key(), "If-Match": etag}
    ana.post(f"/v1/cases/{case}/release", json={"note": "one"}, headers=headers)
    answer = ana.post(f"/v1/cases/{case}/release", json={"note": "two"}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/idempotency-key-reused"


def test_a_key_with_another_body_of_a_claim_is_refused(ana: httpx2.Client) -> None:
    case = open_case(ana)
    headers = {"If-Match": ana.get(f"/v1/cases/{case}").headers["ETag"], "Idempotency-Key": key()}
    assert ana.post(f"/v1/cases/{case}/claim", headers=headers).status_code == 200
    answer = ana.post(f"/v1/cases/{case}/claim", json={"note": "x"}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/idempotency-key-reused"


def test_a_key_at_another_address_is_refused(ana: httpx2.Client) -> None:
    headers = {"Idempotency-Key": key()}
    for queue, status in (("return_authorization_support", 204), ("new_order_review", 422)):
        answer = ana.post(f"/v1/queues/{queue}/claim-next", headers=headers)
        assert answer.status_code == status


def test_a_key_belongs_to_the_person_who_used_it(ana: httpx2.Client, bo: httpx2.Client) -> None:
    headers = {"Idempotency-Key": key()}
    for client in (ana, bo):
        answer = client.post("/v1/signals", json=placed(order_id()), headers=headers)
        assert answer.status_code == 200
        assert "Idempotent-Replayed" not in answer.headers


def test_a_key_belongs_to_the_person_and_not_to_the_token(
    server: RunningService, ana: httpx2.Client
) -> None:
    desk = server.service.desks.people
    headers, told = {"Idempotency-Key": key()}, placed(order_id())
    position = ana.post("/v1/signals", json=told, headers=headers).headers["Casetrail-Position"]
    token = desk.issue_token("ana", server.service.desks.clock())
    seen = server.service.desks.log.head()
    ana.get("/v1/queues", headers={"Casetrail-Min-Position": str(seen)})
    server.service.positions.wait("people", seen, 5)
    again = ana.post(
        "/v1/signals", json=told, headers={**headers, "Authorization": f"Bearer {token}"}
    )
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Casetrail-Position"] == position


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 201, "caf\xe9", "a\tb"])
def test_a_malformed_key_is_refused(ana: httpx2.Client, wrong: str) -> None:
    told = placed(order_id())
    headers = [(b"Idempotency-Key", wrong.encode("latin-1"))]
    answer = ana.post("/v1/signals", json=told, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "/problems/malformed-parameter"
    assert ana.get(f"/v1/orders/{told['order']}").status_code == 404


@pytest.mark.parametrize("right", ["x", "x" * 200, '"quoted"', "~!@#$%^&*()", "a,b;c=d"])
def test_a_key_may_have_any_visible_ascii(ana: httpx2.Client, right: str) -> None:
    told, headers = placed(order_id()), {"Idempotency-Key": right}
    first = ana.post("/v1/signals", json=told, headers=headers)
    assert is_same_response(first, ana.post("/v1/signals", json=told, headers=headers))


def test_a_refused_command_stores_nothing_and_its_key_is_free(ana: httpx2.Client) -> None:
    case = open_case(ana)
    headers = {"Idempotency-Key": key(), "If-Match": '"1"'}
    before = head(ana)
    assert ana.post(f"/v1/cases/{case}/claim", headers=headers).status_code == 412
    assert ana.post(f"/v1/cases/{case}/claim", headers=headers).status_code == 412
    assert head(ana) == before
    headers["If-Match"] = ana.get(f"/v1/cases/{case}").headers["ETag"]
    answer = ana.post(f"/v1/cases/{case}/claim", headers=headers)
    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer.headers


def test_a_refused_signal_stores_nothing_and_its_key_is_free(ana: httpx2.Client) -> None:
    told = captured(order_id())
    headers = {"Idempotency-Key": key()}
    faulty = ana.post("/v1/signals", json=told | {"nonsense": 1}, headers=headers)
    assert faulty.status_code == 422
    answer = ana.post("/v1/signals", json=told, headers=headers)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "recorded")


def test_a_signal_refused_for_its_id_is_refused_again_on_retry(
    server: RunningService, ana: httpx2.Client
) -> None:
    """A refused signal stores nothing (I3), not even a response with status 200."""
    told = captured(order_id())
    ana.post("/v1/signals", json=told)
    other = {**told, "amount": {"amount": "99.00", "currency": "EUR"}}
    headers = {"Idempotency-Key": key(), "X-Request-Id": "the-same"}
    first = ana.post("/v1/signals", json=other, headers=headers)
    again = ana.post("/v1/signals", json=other, headers=headers)
    assert first.status_code == 422
    assert (again.status_code, again.content) == (first.status_code, first.content)
    with psycopg.connect(server.dsn) as connection:
        kept = connection.execute(
            "SELECT count(*) FROM commands WHERE key = %s", (headers["Idempotency-Key"],)
        ).fetchone()
    assert kept == (0,)


@contextmanager
def hold_head(dsn: str) -> Iterator[None]:
    """Block all appends within this context."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT FROM log_head FOR UPDATE")
        yield
        connection.rollback()


def wait_until_a_session_is_blocked(dsn: str) -> None:
    waiting = (
        "SELECT 1 FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    deadline = time.monotonic() + 5
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(waiting).fetchone() is None:
            assert time.monotonic() < deadline, "nobody came to append"


def test_a_key_that_is_in_use_gets_409(server: RunningService, ana: httpx2.Client) -> None:
    headers, told = {"Idempotency-Key": key()}, placed(order_id())
    answers: list[httpx2.Response] = []

    def post() -> None:
        answers.append(ana.post("/v1/signals", json=told, headers=headers))

    thread = threading.Thread(target=post)
    with hold_head(server.dsn):
        thread.start()
        wait_until_a_session_is_blocked(server.dsn)
        answer = ana.post("/v1/signals", json=told, headers=headers)
        assert answer.status_code == 409, answer.text
        assert answer.json()["type"] == "/problems/idempotency-key-in-flight"
        assert answer.headers["Retry-After"] == "1"
    thread.join()
    assert answers[0].status_code == 200
    assert is_same_response(answers[0], ana.post("/v1/signals", json=told, headers=headers))


def test_a_client_that_disconnected_gets_the_first_response_on_retry(
    server: RunningService, ana: httpx2.Client
) -> None:
    """Whether or not the first try was stored, there is one effect and one response."""
    for n in range(10):
        command, headers = a_claim(ana), {"Idempotency-Key": key()}
        before = head(ana)
        with server.client_as("ana") as hasty:
            hasty.timeout = httpx2.Timeout(10, read=0.001 * n + 0.0001)
            with suppress(httpx2.ReadTimeout):
                command(hasty, headers)
        while (answer := command(ana, headers)).status_code == 409:
            assert answer.json()["type"] == "/problems/idempotency-key-in-flight"
        assert answer.status_code == 200, answer.text
        assert head(ana) == before + 1
        assert command(ana, headers).content == answer.content


def test_a_retry_at_another_server_gets_the_first_response_and_never_a_conflict(
    server: RunningService, ana: httpx2.Client
) -> None:
    """A stored command is acknowledged on retry (I2): the retry looks up its key just before the
    first try commits, and reads the case just after."""
    case = open_case(ana)
    etag = ana.get(f"/v1/cases/{case}").headers["ETag"]
    headers = {"Idempotency-Key": key(), "If-Match": etag}
    again: list[httpx2.Response] = []
    with ExitStack() as stack:
        proxy = stack.enter_context(holding_proxy(server.dsn))
        url, _ = stack.enter_context(serve(proxy.dsn))
        other = stack.enter_context(server.client_as("ana"))
        other.base_url = url
        other.get("/v1/queues")  # the other server caches the token
        thread = threading.Thread(
            target=lambda: again.append(other.post(f"/v1/cases/{case}/claim", headers=headers))
        )
        # The statement may already be prepared: then only its parameter is sent.
        with proxy.holding(case.encode(), UUID(case).bytes) as held:
            thread.start()
            assert held.wait(5), "the retry did not come to read the case"
            first = ana.post(f"/v1/cases/{case}/claim", headers=headers)
        thread.join()
    assert first.status_code == 200
    assert is_same_response(first, again[0]), again[0].text


@pytest.mark.parametrize("field", ["note", "signal"])
def test_the_order_of_members_and_spaces_make_no_other_request(
    shop: httpx2.Client, ana: httpx2.Client, field: str
) -> None:
    one = key()
    if field == "note":
        case, etag = claimed(ana)
        client, path = ana, f"/v1/cases/{case}/wait"
        headers = {**JSON, "If-Match": etag, "Idempotency-Key": one}
        body = {"dependency": "carrier", "party": "dhl", "note": "Where is it?"}
    else:
        client, path = shop, "/v1/signals"
        headers = {**JSON, "Idempotency-Key": one}
        body = placed(order_id())
    first = client.post(path, content=json.dumps(body), headers=headers)
    assert first.status_code == 200, first.text
    swapped = dict(reversed(body.items()))
    for text in (json.dumps(swapped), json.dumps(swapped, indent=2), json.dumps(body, indent=1)):
        assert is_same_response(first, client.post(path, content=text, headers=headers))
    changed = body | ({"note": "Else."} if field == "note" else {"source": "x"})
    other = client.post(path, content=json.dumps(changed), headers=headers)
    assert other.json()["type"] == "/problems/idempotency-key-reused"


def test_an_answer_that_an_earlier_version_stored_is_given_again(
    server: RunningService, shop: httpx2.Client
) -> None:
    """It has only the digest of the bytes of the request."""
    headers = {**JSON, "Idempotency-Key": (one := key())}
    body = json.dumps(placed(order_id()))
    first = shop.post("/v1/signals", content=body, headers=headers)
    assert first.status_code == 200, first.text
    with psycopg.connect(server.dsn, autocommit=True) as connection, without_triggers(connection):
        changed = connection.execute(
            "UPDATE commands SET result = convert_to(regexp_replace(convert_from(result, 'UTF8'), "
            "',\"request\":\"[0-9a-f]{64}\"', ''), 'UTF8') WHERE key = %s AND "
            "convert_from(result, 'UTF8') LIKE '%%\"request\":%%'",
            (one,),
        )
        assert changed.rowcount == 1
    assert is_same_response(first, shop.post("/v1/signals", content=body, headers=headers))
    again = shop.post("/v1/signals", content=f"{body} ", headers=headers)
    assert again.json()["type"] == "/problems/idempotency-key-reused"
