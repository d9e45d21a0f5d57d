"""POSTGRES_ENABLE_DB_FUNCTIONS makes the library append without a lock. Followers would then miss events
for ever without any error, so the service does not start if it is set."""

import pytest

from api.composition import desks
from infrastructure.postgres.datastore import Datastore, UnsafeSwitch, require_safe_switches

NAMES = [
    "POSTGRES_ENABLE_DB_FUNCTIONS",
    "CASETRAIL_POSTGRES_ENABLE_DB_FUNCTIONS",
    "SOMETHING_ELSE_POSTGRES_ENABLE_DB_FUNCTIONS",
]


@pytest.mark.parametrize("value", ["y", "true", "1", "no", ""])
@pytest.mark.parametrize("name", NAMES)
def test_the_switch_is_refused_with_any_value(name: str, value: str) -> None:
    with pytest.raises(UnsafeSwitch, match=f"{name} is set.*Unset it"):
        require_safe_switches({"PATH": "/bin", name: value})


def test_other_settings_are_allowed() -> None:
    require_safe_switches({})
    require_safe_switches({"POSTGRES_DBNAME": "y", "POSTGRES_ENABLE_DB_FUNCTIONS_NOT": "y"})


@pytest.mark.parametrize("name", NAMES)
def test_the_service_does_not_start_with_the_switch(
    dsn: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "y")
    with pytest.raises(UnsafeSwitch, match=name), desks(dsn):
        pytest.fail("it started")


def test_our_own_connections_ignore_the_switch(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    assert Datastore(dsn).enable_db_functions is False
