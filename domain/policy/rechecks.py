"""The recheck of all open orders and cases under a policy that took effect, and its progress."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from msgspec import Struct, structs

from domain.policy import events
from domain.struct_fields import fill


class Recheck(Struct, frozen=True, kw_only=True):
    version: int = 0
    digest: str = ""
    before: str = ""
    until: int = 0
    """Orders whose first event is after this position are not rechecked."""
    position: int = 0
    """Orders whose first event is up to this position are rechecked."""
    orders: int = 0
    opened: int = 0
    cleared: int = 0
    changed: int = 0
    began_at: datetime | None = None
    finished_at: datetime | None = None
    overtaken: bool = False

    @property
    def done_percent(self) -> int:
        if self.finished_at is not None:
            return 100
        return self.position * 100 // self.until if self.until else 0

    def finished(self, *, overtaken: bool = False) -> events.PolicyRecheckFinished:
        now = structs.replace(self, overtaken=overtaken)
        return fill(events.PolicyRecheckFinished, now)

    def after(self, event: events.RecheckEvent, at: datetime) -> Recheck:
        now = structs.replace(self, version=self.version + 1)
        match event:
            case events.PolicyRecheckBegan(digest=digest, before=before, until=until):
                return structs.replace(now, digest=digest, before=before, until=until, began_at=at)
            case events.PolicyRecheckAdvanced():
                return structs.replace(
                    now,
                    position=event.position,
                    orders=self.orders + event.orders,
                    opened=self.opened + event.opened,
                    cleared=self.cleared + event.cleared,
                    changed=self.changed + event.changed,
                )
            case events.PolicyRecheckFinished(overtaken=overtaken):
                return structs.replace(now, finished_at=at, overtaken=overtaken)
            case _:
                assert_never(event)
