"""A request and an answer, as both faces of the provider see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.message import Message
from typing import Any

from msgspec import Struct


class Asked(Struct, frozen=True):
    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes


class Answer(Struct, frozen=True):
    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = {}


def told(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document).encode())
