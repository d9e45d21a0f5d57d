"""Signed times: read strictly, and compared with ours."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from infrastructure.webhooks.errors import SignatureTooOld, SignatureWrong

Unit = Literal["seconds", "milliseconds", "iso8601"]
_FORMS: Final = {
    "seconds": r"[0-9]{1,11}",
    "milliseconds": r"[0-9]{1,14}",
    "iso8601": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
}


def read_time(text: str, unit: Unit, header: str) -> datetime:
    """The time in UTC. Raises SignatureWrong if the text is no such time, in ASCII digits."""
    try:
        if not re.fullmatch(_FORMS[unit], text):
            raise ValueError
        if unit == "iso8601":
            return datetime.fromisoformat(text).astimezone(UTC)
        return datetime.fromtimestamp(int(text) / (1 if unit == "seconds" else 1000), UTC)
    except (ValueError, OverflowError):
        wanted = (
            "a time such as 2026-11-30T10:00:00Z" if unit == "iso8601" else f"a Unix time in {unit}"
        )
        raise SignatureWrong(
            f"the time in {header} is not {wanted}. Check the scheme of the source.", header=header
        ) from None


def check_time(moment: datetime, now: datetime, tolerance: int, header: str) -> datetime:
    """The time. Raises SignatureTooOld if it is more than `tolerance` seconds from now, to either side."""
    distance = now - moment
    if abs(distance) > timedelta(seconds=tolerance):
        way = "before" if distance > timedelta() else "after"
        raise SignatureTooOld(
            f"the time in {header} is {abs(distance)} {way} ours, {tolerance} seconds are allowed. Let the sender "
            "send the webhook again, with a new signature, and check the clocks of both machines.",
            header=header,
            sent_at=moment,
        )
    return moment
