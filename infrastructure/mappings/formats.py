"""The formats of files and bodies that mappings read. Apart, so that a command line option imports no reader."""

from typing import Final

FORMATS: Final = ("json", "ndjson", "xml", "csv", "xlsx")
