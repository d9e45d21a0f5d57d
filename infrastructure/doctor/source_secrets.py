"""Checks that the key store has the secrets by which webhooks are verified."""

from datetime import datetime
from typing import Final

from msgspec import MsgspecError

from application.log.streams import sources_after
from domain.errors import TrailHasGap
from domain.personal_data_errors import KeyStoreUnavailable
from domain.sources.source import SOURCES_STREAM, Sources
from infrastructure.doctor.findings import Finding, ok, warning
from infrastructure.doctor.streams import read_stream
from infrastructure.event_store.rights import Connection
from infrastructure.personal.key_store import open_key_store
from infrastructure.settings import Settings

_WHAT: Final = "secrets of sources"


def check_source_secrets(connection: Connection, settings: Settings, now: datetime) -> Finding:
    """Each secret that is valid now."""
    try:
        sources = read_stream(connection, SOURCES_STREAM, sources_after, Sources())
        store = open_key_store(settings.key_place)
        lost = [
            name
            for name, source in sorted(sources.by_name.items())
            if any(store.stamp(one.name) is None for one in source.valid_secrets(now))
        ]
    except (MsgspecError, TrailHasGap, LookupError, KeyStoreUnavailable) as error:
        return warning(
            _WHAT,
            f"cannot be checked: {error}",
            "repair that, then run `casetrail doctor --whole`.",
        )
    if lost:
        return warning(
            _WHAT,
            f"not in {settings.key_place}: a secret of {', '.join(lost)}. Their webhooks are answered with 503",
            "restore the key store from its backup, beside the keys that it has now, or give each of them "
            "another secret (`casetrail sources rotate`).",
        )
    return ok(_WHAT, f"in {settings.key_place}" if sources.by_name else "there are no sources yet")
