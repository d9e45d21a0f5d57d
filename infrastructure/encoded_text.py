"""Text as tools write it: UTF-8 or UTF-16, with a byte order mark or without, plain or packed by gzip."""

import codecs
import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARKS: Final = (
    # UTF-32 first: its little-endian mark begins with the one of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_LONGEST_MARK: Final = 4


class UnreadableText(Exception):
    """The bytes are not text in an encoding that is read; the message says what to do."""


class TextTooLong(Exception):
    """The unpacked text is longer than is allowed."""


def unpack(packed: bytes, most: int) -> bytes:
    """The content of gzip's bytes. Unpacks no more than is needed to see that it is longer than `most`.

    Raises UnreadableText, TextTooLong.
    """
    if not packed.startswith(GZIP_MAGIC):
        raise UnreadableText("not gzip: send it packed by gzip, or without Content-Encoding")
    with _unreadable_if_broken(), gzip.GzipFile(fileobj=io.BytesIO(packed)) as content:
        unpacked = content.read(most + 1)
    if len(unpacked) > most:
        raise TextTooLong(f"more than {most} bytes when unpacked; send it in parts")
    return unpacked


def to_utf8(content: bytes) -> bytes:
    """The text in UTF-8 without its byte order mark. Bytes without a mark are returned as they are.

    Raises UnreadableText for a wrong UTF-16, for one without a mark, and for what gzip has packed.
    """
    if content.startswith(GZIP_MAGIC):
        raise UnreadableText("packed by gzip: send it with the header `Content-Encoding: gzip`")
    encoding = _encoding_of(content[:_LONGEST_MARK])
    if encoding == "utf-8":
        return content
    if encoding == "utf-8-sig":
        return content.removeprefix(codecs.BOM_UTF8)
    with _unreadable_if_broken():
        return content.decode(encoding).encode()


def read_bytes(file: Path, most: int) -> bytes:
    """The content of a file, of which no more is read than is needed to see that it is longer than `most`.

    Raises TextTooLong, UnreadableText for what is no regular file (a pipe that nobody writes to never ends), OSError.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise UnreadableText("it is no regular file: write its content to one")
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise TextTooLong(f"more than {most} bytes; send it in parts")
    return content


def read_text(file: Path, most: int) -> str:
    """The whole text of a file. Raises UnreadableText, TextTooLong, OSError."""
    content = read_bytes(file, most)
    if content.startswith(GZIP_MAGIC):
        content = unpack(content, most)
    with _unreadable_if_broken():
        return to_utf8(content).decode()


@contextmanager
def open_text(file: Path, newline: str | None = None, *, packed: bool = False) -> Iterator[IO[str]]:
    """Open a text file for reading. Bytes that are not UTF-8 become surrogates, so that the line that
    has them can be named. With `packed`, a file that is not gzip is refused.

    Raises UnreadableText, also while the file is read, and OSError.
    """
    with file.open("rb") as raw, _unreadable_if_broken():
        packed = packed or raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
        content: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        encoding = _encoding_of(content.peek(_LONGEST_MARK)[:_LONGEST_MARK])
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        with io.TextIOWrapper(content, encoding, errors, newline) as text:
            yield text


def _encoding_of(start: bytes) -> str:
    """The encoding of a text by its first bytes. Raises UnreadableText."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    if 0 in start[:2]:
        raise UnreadableText(
            "it looks like UTF-16 without a byte order mark: write it in UTF-8, or with the mark"
        )
    return "utf-8"


@contextmanager
def _unreadable_if_broken() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableText(
            f"its gzip is broken or cut off ({error}): pack it again, or leave it unpacked"
        ) from None
    except UnicodeDecodeError as error:
        raise UnreadableText(f"{describe_undecodable(error)}: write it in UTF-8") from None


def describe_undecodable(error: UnicodeDecodeError) -> str:
    """What is wrong, such as `not UTF-8 (byte 0xe9 at 31)`."""
    name = error.encoding.upper().removesuffix("-LE").removesuffix("-BE")
    return f"not {name} (byte 0x{error.object[error.start]:02x} at {error.start})"
