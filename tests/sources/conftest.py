from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from api import composition
from domain.people import Role
from tests.api.conftest import ana as ana
from tests.api.conftest import server as server
from tests.api.conftest import shop as shop
from tests.api.running_service import RunningService
from tests.sources.coded import Coded
from tests.sources.senders import add


@pytest.fixture(scope="module")
def olga(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("olga") as client:
        yield client


@pytest.fixture(scope="module")
def otto(server: RunningService) -> Iterator[httpx2.Client]:
    """Another manager: two change the mapping of a source in use."""
    people, now = server.service.desks.people, datetime.now(UTC)
    people.add("otto", [Role.OPS_MANAGER], now)
    server.tokens["otto"] = people.issue_token("otto", now)
    with server.client_as("otto") as client:
        yield client


@pytest.fixture(scope="module")
def sender(server: RunningService) -> Iterator[httpx2.Client]:
    """Somebody without a token."""
    with server.client_as(None) as client:
        yield client


@pytest.fixture(scope="module")
def source(olga: httpx2.Client) -> str:
    add(olga, "little")
    return "little"


@pytest.fixture
def coded(dsn: str) -> Iterator[Coded]:
    with composition.desks(dsn) as working:
        service = Coded(working, dsn)
        service.add("shop", owner="payments_desk")
        service.add("other")
        yield service
