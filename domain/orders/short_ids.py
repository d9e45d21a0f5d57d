"""Ids that are longer than a signal may have."""

import hashlib
from typing import Final

_DIGITS: Final = 16


def short_id(id: str, longest: int) -> str:
    """The id, or its beginning with a digest of the whole: ids that begin with the same stay different."""
    if len(id) <= longest:
        return id
    digest = hashlib.sha256(id.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return f"{id[: longest - _DIGITS - 1]}~{digest}"
