"""Destroys the secrets of sources that no source uses: what a command left that was killed before it was recorded."""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from application.sources.ports import Secrets
from application.sources.source_desk import SourceDesk

CLOCK_MARGIN: Final = timedelta(days=1)
"""A secret whose time is over is left for so long: our clock may be ahead."""
_logger = logging.getLogger("casetrail.sources")


class UnusedSecrets:
    def __init__(self, sources: SourceDesk, secrets: Secrets) -> None:
        self._sources = sources
        self._secrets = secrets
        self._unused_before: Collection[str] = frozenset()

    def destroy(self, now: datetime) -> int:
        """Destroy what was unused at the call before as well; return how many. Raises KeyStoreUnavailable.

        A command stores a secret and records it a moment later, so a secret is left alone the first time. Call this
        seldom: once an hour.
        """
        # First, so that all of these were stored before the log is read.
        stored = self._secrets.names()
        before = now - CLOCK_MARGIN
        used = {name for one in self._sources.everything() for name in one.secrets_in_use(before)}
        unused = {*stored} - used
        left = unused & {*self._unused_before}
        for name in left:
            self._secrets.destroy(name)
        self._unused_before = unused - left
        if left:
            _logger.warning("destroyed %d secrets that no source uses", len(left))
        return len(left)
