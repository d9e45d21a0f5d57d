"""Requests and responses of both APIs of the provider."""

import json
from collections.abc import Mapping
from email.message import Message
from typing import Any

from msgspec import Struct


class ProviderRequest(Struct, frozen=True):
    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes


class ProviderResponse(Struct, frozen=True):
    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = {}


def json_response(status: int, document: Any) -> ProviderResponse:
    return ProviderResponse(status, json.dumps(document).encode())
