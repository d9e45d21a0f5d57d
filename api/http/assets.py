"""Static files: kept in memory, compressed once, each with a strong ETag."""

import hashlib
import mimetypes
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from litestar import Request, Response
from msgspec import Struct

from api.http.compression import SMALLEST_BYTES, compressed, takes_gzip

CONSOLE: Final = Path(__file__).parent.parent / "console"
VERSION: Final = "v"
"""The query parameter by which a page names the version of a file."""
_REVALIDATE: Final = "no-cache"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_BEST_LEVEL: Final = 9
_FILE_REFERENCE = re.compile(r'"/console/([\w.-]+)"')


class Asset(Struct, frozen=True):
    content: bytes
    zipped: bytes | None
    """None if the file is too small to compress."""
    media_type: str
    version: str


def asset(content: bytes, media_type: str) -> Asset:
    zipped = compressed(content, _BEST_LEVEL) if len(content) >= SMALLEST_BYTES else None
    return Asset(content, zipped, media_type, hashlib.sha256(content).hexdigest()[:32])


@cache
def console_files() -> Mapping[str, Asset]:
    """Scripts and styles of the pages, by file name."""
    found = {}
    for file in CONSOLE.iterdir():
        kind = mimetypes.guess_type(file.name)[0] or ""
        if kind.startswith("text/") and file.suffix != ".html":
            found[file.name] = asset(file.read_bytes(), kind)
    return found


def page(name: str, fill: Callable[[str], str] = lambda text: text) -> Asset:
    """A page of the console's folder, after `fill`.

    It names its scripts and styles with their versions, so that a browser can cache them for ever.
    """

    def versioned(found: re.Match[str]) -> str:
        return f'"/console/{found[1]}?{VERSION}={console_files()[found[1]].version}"'

    text = _FILE_REFERENCE.sub(versioned, (CONSOLE / name).read_text(encoding="utf-8"))
    return asset(fill(text).encode(), "text/html")


def respond_with(
    asset: Asset, request: Request[Any, Any, Any], headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """The asset, gzipped if the client accepts that; 304 if the client has it already."""
    is_zipped = asset.zipped is not None and takes_gzip(
        ",".join(request.headers.getall("accept-encoding", [])).encode("latin-1")
    )
    tag = f'"{asset.version}-gzip"' if is_zipped else f'"{asset.version}"'
    is_named = request.query_params.get(VERSION) == asset.version
    all_headers = {
        **(headers or {}),
        "ETag": tag,
        "Cache-Control": _IMMUTABLE if is_named else _REVALIDATE,
        "Vary": "Accept-Encoding",
    }
    if _matches(",".join(request.headers.getall("if-none-match", [])), tag):
        return Response(b"", status_code=304, headers=all_headers)
    if is_zipped:
        all_headers["Content-Encoding"] = "gzip"
    content = asset.zipped if is_zipped and asset.zipped is not None else asset.content
    return Response(content, media_type=asset.media_type, headers=all_headers)


def _matches(if_none_match: str, tag: str) -> bool:
    """Whether If-None-Match names the tag, by weak comparison (RFC 9110, 13.1.2)."""
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in tags or if_none_match.strip() == "*"
