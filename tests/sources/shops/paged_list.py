"""A local system with one list of plain items, in pages of each kind that a pull document can name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.sources.shops.local_system import Answer, Asked, LocalSystem


class PagedList(LocalSystem):
    """The items of the list `/items`, by `at`; `by` is how its pages go on."""

    def __init__(self, by: str = "page", size: int = 3) -> None:
        super().__init__()
        self.by = by
        self.size = size
        self.items: list[dict[str, Any]] = []
        self.next_url: str | None = None
        """What it says instead of the address of the next page."""

    def is_known(self, asked: Asked) -> bool:
        return asked.headers.get("x-api-key") == self.token

    def answer(self, asked: Asked) -> Answer:
        if asked.path != "/items":
            return Answer({"error": "no such list"}, 404)
        since = asked.query.get("since")
        items = [
            one
            for one in self.items
            if since is None or datetime.fromisoformat(one["at"]) >= datetime.fromisoformat(since)
        ]
        first = self._first(asked)
        page, end = items[first : first + self.size], first + self.size
        is_last = end >= len(items)
        following = self.next_url or f"{self.url}/items?from={end}" + (f"&since={since}" if since else "")  # fmt: skip
        headers = {}
        body: dict[str, Any] = {"items": page, "more": not is_last}
        if not is_last and self.by == "link_header":
            headers["Link"] = f'<{following}>; rel="next", <{self.url}/items>; rel="first"'
        if not is_last and self.by == "next_url":
            body["links"] = {"next": following.replace("+", "%2B")}
        if not is_last and self.by == "cursor":
            body["cursor"] = f"c{end}"
        return Answer(body, headers=headers)

    def _first(self, asked: Asked) -> int:
        if self.by == "page":
            return (int(asked.query["page"]) - 1) * self.size
        if self.by == "offset":
            return int(asked.query["offset"])
        if self.by == "cursor":
            return int(asked.query.get("cursor", "c0")[1:])
        return int(asked.query.get("from", "0"))
