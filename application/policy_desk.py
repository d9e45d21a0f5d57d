"""The policy that decides: recorded whole in the log before the first decision cites it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from application.event_log import EventLog, Write
from application.log_recorder import VersionTaken
from application.streams import POLICY as POLICY_KIND
from domain.errors import PolicyVersionReused, TooContended
from domain.people import OPERATOR
from domain.policy.events import POLICY_STREAM, PolicyActivated
from domain.policy.rulebook import Rulebook

ATTEMPTS = 10


class PolicyDesk:
    """Holds the active rulebook. `current` is what the commands decide by."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._active: Rulebook | None = None

    @property
    def current(self) -> Rulebook:
        if self._active is None:
            raise LookupError("no policy is active: activate one before the first signal")
        return self._active

    def load(self) -> Rulebook | None:
        """The policy that the log has as active, if any; from here on it decides."""
        history = self._history()
        if history:
            self._active = Rulebook(history[-1].document)
        return self._active

    def activate(self, rulebook: Rulebook, now: datetime) -> None:
        """Record the document and decide by it; nothing is recorded if it is active already.

        Raises PolicyVersionReused if its version names another document in the log, TooContended.
        """
        for _ in range(ATTEMPTS):
            with suppress(VersionTaken):  # somebody else activated one at the same moment
                return self._record(rulebook, now)
        raise TooContended(f"{ATTEMPTS} attempts")

    def ensure(self, default: Rulebook, now: datetime) -> None:
        """Decide by the policy that the log has as active; if it has none, activate this one."""
        for _ in range(ATTEMPTS):
            if self.load() is not None:
                return
            with suppress(VersionTaken):  # by whatever somebody else has activated, then
                return self._record(default, now)
        raise TooContended(f"{ATTEMPTS} attempts")

    def _record(self, rulebook: Rulebook, now: datetime) -> None:
        history = self._history()
        for past in history:
            if past.document.version == rulebook.version and past.digest != rulebook.digest:
                raise PolicyVersionReused(
                    f"version {rulebook.version} is a document with digest {past.digest[:12]}…, "
                    f"this one has {rulebook.digest[:12]}…"
                )
        if not history or history[-1].digest != rulebook.digest:
            event = PolicyActivated(document=rulebook.document, digest=rulebook.digest)
            self._log.append(
                [
                    Write(
                        stream=POLICY_STREAM,
                        kind=POLICY_KIND,
                        expected=len(history),
                        events=[(OPERATOR, event)],
                        recorded_at=now,
                        cause="command:policy",
                    )
                ]
            )
        self._active = rulebook

    def _history(self) -> list[PolicyActivated]:
        lines = self._log.trail(POLICY_STREAM)
        return [line.event for line in lines if isinstance(line.event, PolicyActivated)]
