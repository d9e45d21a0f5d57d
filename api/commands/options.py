"""Options that many commands take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from api.http.times import moment_of

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


class Moment(click.ParamType[datetime]):
    """A date, or a date and a time; of UTC unless it says otherwise."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moment_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """What the system has against a file or a directory that was asked for is told in its words."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{place} cannot be written: {error.strerror}") from None
