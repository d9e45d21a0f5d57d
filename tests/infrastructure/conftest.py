from collections.abc import Iterator

import psycopg
import pytest

from infrastructure.postgres.datastore import connect


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection to the test's database, with the settings of the service."""
    with connect(dsn) as connection:
        yield connection
