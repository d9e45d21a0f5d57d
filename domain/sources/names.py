"""Names of sources."""

from typing import Annotated

from domain.texts import form

SourceName = Annotated[
    str, form("[a-z0-9][a-z0-9_-]{0,62}", "a name of a-z, 0-9, `_` and `-`, such as shopify-de")
]
