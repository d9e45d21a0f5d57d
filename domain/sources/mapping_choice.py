"""One version of a mapping document."""

from msgspec import Struct


class MappingChoice(Struct, frozen=True):
    """One version of a mapping document, as a whole: its deliveries can be read again in the same way."""

    name: str
    digest: str
    """SHA-256 of the document's text, in hexadecimal."""
    document: str
