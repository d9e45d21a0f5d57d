"""Pulls send to public addresses by https, and to hosts that the operator names: others are refused when they are set, and again
when they are asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from api.composition import Desks, desks
from application.log.caller import operator_caller
from domain.errors import Invalid
from domain.sources.pull_settings import ChoosePull
from domain.sources.pulls import PullEnd
from tests.api.running_service import RunningService, outside_settings
from tests.sources.pullers import add_before, document, pulling_desks
from tests.sources.shops.local_system import TOKEN


@pytest.fixture(scope="module")
def worker(server: RunningService) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        yield working


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9",
        "https://localhost",
        "https://169.254.169.254",
        "https://10.0.0.1",
        "https://0.0.0.0",
        "https://2130706433",
        "http://example.org",
    ],
)
def test_only_public_addresses_are_asked_unless_the_operator_names_the_host(
    server: RunningService, worker: Desks, address: str
) -> None:
    name, by = "own-network", operator_caller(datetime.now(UTC))
    if worker.sources.known(name) is None:
        add_before(worker, name)
    ask = ChoosePull(reason="A test.", document=document(), address=address, secret=TOKEN)
    hosts = [str(httpx2.URL(address).host)]
    with (
        desks(server.dsn, vault=outside_settings(server.dsn)) as bare,
        desks(server.dsn, vault=outside_settings(server.dsn), pull_hosts=hosts) as naming,
    ):
        with pytest.raises(Invalid, match="CASETRAIL_PULL_HOSTS") as refused:
            bare.sources.choose_pull(name, ask, by)
        assert [one.pointer for one in refused.value.faults] == ["/address"]
        # It is looked at again when it is asked: a name may lead elsewhere by then.
        naming.sources.choose_pull(name, ask, by)
        failed = bare.pulls.pull(name, None, threading.Event().wait)
    assert (failed.ended, "CASETRAIL_PULL_HOSTS" in failed.detail) == (PullEnd.NOT_ALLOWED, True)


def test_an_address_of_the_own_network_is_refused_when_it_is_set(
    olga: httpx2.Client, worker: Desks
) -> None:
    add_before(worker, "refused-at-once")
    body = {"reason": "A test.", "document": document(), "address": "https://10.0.0.1"}
    refused = olga.post("/v1/sources/refused-at-once/pull-settings", json=body)
    (fault,) = refused.json()["errors"]
    assert (refused.status_code, fault["pointer"]) == (422, "/address")
    assert (
        "not a public address: let the operator name the host in CASETRAIL_PULL_HOSTS"
        in fault["detail"]
    )
    assert olga.get("/v1/sources/refused-at-once").json()["pull"] is None
