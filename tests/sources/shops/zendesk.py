"""A local Zendesk: the incremental export of tickets, in pages by cursor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.sources.shops.local_system import Answer, Asked, LocalSystem

PULL = """
pull: zendesk
title: Tickets of Zendesk
authentication: {by: header, header: Authorization, prefix: "Bearer "}
lists:
  - path: incremental/tickets/cursor.json
    parameters: {per_page: 100}
    since: {parameter: start_time, unit: seconds}
    items: tickets
    id: id
    time: updated_at
    pages: {by: cursor, parameter: cursor, cursor: after_cursor, more: "!end_of_stream"}
"""


class ZendeskDesk(LocalSystem):
    def __init__(self) -> None:
        super().__init__()
        self.tickets: list[dict[str, Any]] = []

    def put(self, ticket: dict[str, Any]) -> None:
        self.tickets.append(ticket)

    def is_known(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {self.token}"

    def answer(self, asked: Asked) -> Answer:
        if asked.path != "/api/v2/incremental/tickets/cursor.json":
            return Answer({"error": "InvalidEndpoint"}, 404)
        if "cursor" in asked.query:
            since, begin = map(int, asked.query["cursor"].split("."))
        elif "start_time" in asked.query:
            since, begin = int(asked.query["start_time"]), 0
        else:
            return Answer({"error": "StartTimeMissing"}, 400)
        changed = sorted(
            (one for one in self.tickets if _seconds(one["updated_at"]) >= since),
            key=lambda one: one["updated_at"],
        )
        end = begin + int(asked.query.get("per_page", "1000"))
        return Answer(
            {
                "tickets": changed[begin:end],
                "after_cursor": f"{since}.{min(end, len(changed))}",
                "end_of_stream": end >= len(changed),
            }
        )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
