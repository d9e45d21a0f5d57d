"""What a source's own list says, beside what arrived."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct


class ListComparison(Struct, frozen=True, kw_only=True):
    """A source's own list of a period, beside what had arrived of it without being fetched."""

    since: datetime
    until: datetime
    listed: int
    """Entries of the list."""
    arrived: int
    """Those of them that had arrived, at most `listed`."""
    missing: Sequence[str] = ()
    """The sender's ids of some that had not."""
