"""YAML documents that people write: mappings and pulls."""

from pathlib import Path
from typing import Any

from domain.errors import Fault, Invalid
from infrastructure.encoded_text import TextTooLong, UnreadableText, read_text
from infrastructure.strict_yaml import NotYaml, load_yaml


def read_document(file: Path, largest_bytes: int) -> str:
    """The text of a file. Raises Invalid, and OSError."""
    try:
        return read_text(file, largest_bytes)
    except (UnreadableText, TextTooLong) as error:
        raise Invalid([Fault("", str(error))], str(file)) from None


def load_document(text: str, largest_bytes: int, what: str) -> Any:
    """The plain data of a document's text. Raises Invalid, which names it by `what`."""
    if len(text.encode()) > largest_bytes:
        raise Invalid([Fault("", f"larger than {largest_bytes} bytes")], what)
    if not text.strip():
        raise Invalid([Fault("", "it is empty")], what)
    try:
        return load_yaml(text)
    except NotYaml as error:
        raise Invalid([Fault("", str(error))], what) from None
