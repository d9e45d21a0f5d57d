"""The key store of a running service, and what the doctor says of it."""

from pathlib import Path

from infrastructure.doctor.findings import Finding
from infrastructure.doctor.keys import check_keys
from infrastructure.personal.key_store import PEPPER_NAME
from infrastructure.postgres.datastore import connect
from infrastructure.settings import load_settings
from tests.api.running_service import RunningService, outside_settings


def keys_of(server: RunningService) -> Path:
    return Path(outside_settings(server.dsn).place)


def bundles_of(server: RunningService) -> list[Path]:
    return [one for one in keys_of(server).iterdir() if one.name not in (PEPPER_NAME, ".lock")]


def doctor_on_keys(server: RunningService) -> Finding:
    settings = load_settings({"CASETRAIL_KEYS": str(keys_of(server))})
    with connect(server.dsn) as connection:
        return check_keys(connection, settings)
