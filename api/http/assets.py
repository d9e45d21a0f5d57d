"""Files that change with the build alone: kept in memory, compressed once, with a strong ETag each."""

from __future__ import annotations

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
"""The query parameter with which a page names the version of a file that it was written for."""
_LOOK_AGAIN: Final = "no-cache"
"""Kept by the browser, which asks each time whether it has changed."""
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_BEST: Final = 9
_NAMED = re.compile(r'"/console/([\w.-]+)"')


class Asset(Struct, frozen=True):
    content: bytes
    zipped: bytes | None
    """None where it would not be smaller."""
    media_type: str
    version: str


def asset(content: bytes, media_type: str) -> Asset:
    zipped = compressed(content, _BEST) if len(content) >= SMALLEST_BYTES else None
    return Asset(content, zipped, media_type, hashlib.sha256(content).hexdigest()[:32])


@cache
def console_files() -> Mapping[str, Asset]:
    """Scripts and styles of the pages, by name."""
    found = {}
    for file in CONSOLE.iterdir():
        kind = mimetypes.guess_type(file.name)[0] or ""
        if kind.startswith("text/") and file.suffix != ".html":
            found[file.name] = asset(file.read_bytes(), kind)
    return found


def page(name: str, fill: Callable[[str], str] = lambda text: text) -> Asset:
    """A page of the console's folder. It names its scripts and styles by version, so that a browser
    keeps them for as long as they are the same."""

    def versioned(found: re.Match[str]) -> str:
        return f'"/console/{found[1]}?{VERSION}={console_files()[found[1]].version}"'

    text = _NAMED.sub(versioned, (CONSOLE / name).read_text(encoding="utf-8"))
    return asset(fill(text).encode(), "text/html")


def respond_with(
    asset: Asset, request: Request[Any, Any, Any], headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """The asset as the client takes it, or 304 if the client has it already."""
    is_zipped = asset.zipped is not None and takes_gzip(
        ",".join(request.headers.getall("accept-encoding", [])).encode("latin-1")
    )
    tag = f'"{asset.version}-gzip"' if is_zipped else f'"{asset.version}"'
    is_named = request.query_params.get(VERSION) == asset.version
    told = {
        **(headers or {}),
        "ETag": tag,
        "Cache-Control": _FOR_EVER if is_named else _LOOK_AGAIN,
        "Vary": "Accept-Encoding",
    }
    if _has(",".join(request.headers.getall("if-none-match", [])), tag):
        return Response(b"", status_code=304, headers=told)
    if is_zipped:
        told["Content-Encoding"] = "gzip"
    content = asset.zipped if is_zipped and asset.zipped is not None else asset.content
    return Response(content, media_type=asset.media_type, headers=told)


def _has(if_none_match: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: compared weakly."""
    told = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in told or "*" in told
