"""Order ids in URLs: percent-encoded, they may hold every character, also a slash.

The server decodes a path before it is matched with the routes. So that an encoded slash does not become a
separator, it is a character that no order id may hold until the route reads it.
"""

from typing import Any, Final
from urllib.parse import unquote

_SLASH: Final = "\x1e"
_BEFORE: Final = "/v1/orders/"


def keep_encoded_slashes(scope: Any) -> None:
    """Mark the encoded slashes in the path of a route that names an order, in place."""
    if not scope["path"].startswith(_BEFORE):
        return
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" in raw.lower():
        parts = raw.partition(b"?")[0].decode("latin-1").split("/")
        scope["path"] = "/".join(unquote(part).replace("/", _SLASH) for part in parts)


def read_order_id(parameter: str) -> str:
    """The order id of a path parameter."""
    return parameter.replace(_SLASH, "/")


def shown_path(path: str) -> str:
    """The path as it is recorded and shown."""
    return path.replace(_SLASH, "%2F")
