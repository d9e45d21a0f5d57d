"""Options and arguments that several commands share."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from api.http.times import parse_time
from domain.orders.signal_body import DEFAULT_SHOP, SHOP_FORM, SHOP_REGEX
from infrastructure.mappings.formats import FORMATS

EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE: Final = click.Path(dir_okay=False, path_type=Path)
DIRECTORY: Final = click.Path(file_okay=False, path_type=Path)
FILE = click.argument("file", type=EXISTING_FILE)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


class ShopParameter(click.ParamType[str]):
    """The name of a shop."""

    name = "SHOP"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        if re.fullmatch(SHOP_REGEX, str(value)) is None:
            self.fail(f"{value!r} is not {SHOP_FORM}", param, ctx)
        return str(value)


SHOP = click.option(
    "--shop",
    type=ShopParameter(),
    default=DEFAULT_SHOP,
    show_default=True,
    help="The shop in which the order's id is unique.",
)
HEADERS = click.option(
    "--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header of the delivery."
)
QUERY = click.option(
    "--query", "query", multiple=True, metavar="NAME:VALUE", help="A part of the query beside it."
)
FORMAT = click.option(
    "--format", "form", type=click.Choice(FORMATS), help="What the files are [by their names]."
)


def parse_header(text: str) -> tuple[str, str]:
    """The name in lower case, and the value. Raises click.BadParameter."""
    name, colon, value = text.partition(":")
    if not colon:
        raise click.BadParameter(
            f"{text!r}: write NAME:VALUE, such as X-Shopify-Topic:orders/create"
        )
    return name.strip().lower(), value.strip()


_REASON_HELP: Final = "Why. It is recorded and shown to auditors."
REASON = click.option("--reason", required=True, help=_REASON_HELP)
WHY = click.option("--why", "--reason", "reason", required=True, help=_REASON_HELP)


class TimeParameter(click.ParamType[datetime]):
    """A date, or a date and a time; UTC unless it has an offset."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_time(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


RECORDED_FROM: Final = "Only events recorded at or after this time."
RECORDED_TO: Final = "Only events recorded before this time."
TIME_HELP: Final = "TIME is a date or a time such as 2026-10-01 or 2026-10-01T12:00:00+02:00; UTC without an offset."


FROM = click.option("--from", "since", type=TimeParameter(), help=RECORDED_FROM)
TO = click.option("--to", "until", type=TimeParameter(), help=RECORDED_TO)


@contextmanager
def report_write_errors(place: Path) -> Iterator[None]:
    """Turns an OSError into a message that names the file or directory and the system's reason."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{place} cannot be written: {error.strerror}") from None
