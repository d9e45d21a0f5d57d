from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infrastructure.postgres.datastore import connect
from tests.lost_tails import Site


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection to the test's database, with the settings of the service."""
    with connect(dsn) as connection:
        yield connection


@pytest.fixture
def site(dsn: str, tmp_path: Path) -> Site:
    return Site(dsn, tmp_path / "home")


@pytest.fixture
def lost(site: Site) -> Site:
    """Of five acknowledged events, the last four are gone."""
    site.append(3)
    site.sign()
    site.append(2)
    site.lose(site.kept + 1)
    site.kept += 1
    return site
