"""The process log on standard error: one line for each record, whatever the texts in it hold."""

import logging
from typing import Any, Final

LINE: Final = "%(asctime)s %(name)s %(message)s"


class OneLine(logging.Formatter):
    """A record as one line; its traceback follows, indented.

    Both may have texts of strangers, such as a path. A line break in one must not pass for a line of the log, nor an
    escape sequence reach a terminal.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {escaped(line)}" for line in lines)


def log_to_standard_error(line: str = LINE, *filters: logging.Filter) -> None:
    handler: logging.StreamHandler[Any] = logging.StreamHandler()
    handler.setFormatter(OneLine(line))
    for one in filters:
        handler.addFilter(one)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def escaped(text: str) -> str:
    """The text with control and formatting characters escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
