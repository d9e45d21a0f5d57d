"""The part of a policy about sources: when one is too silent, and how many cases its codes may open."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from domain.policy import document_types as types


class Silence(types.Part, frozen=True, kw_only=True):
    """A source is silent if it sent less than usual within `window`: less than `below_percent` of the median of
    the same window in each of the `weeks` before. Nothing is expected of it where that is below `least_usual`."""

    window: timedelta = timedelta(hours=2)
    below_percent: Annotated[int, Meta(ge=1, le=100)] = 10
    weeks: Annotated[int, Meta(ge=1, le=12)] = 4
    least_usual: Annotated[int, Meta(ge=1)] = 10
    """Deliveries within a window."""


class SourceRules(types.Part, frozen=True, kw_only=True):
    """When a problem of a source is a case for its owner."""

    silence: Silence = Silence()
    codes_at_most: Annotated[int, Meta(ge=1, le=1_000)] = 50
    """Open cases about codes of one source. Further codes of it open none."""
