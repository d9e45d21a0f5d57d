"""Hosts and ports that several commands use, and where a demonstration's payment provider keeps its ledger."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

import click

API_PORT: Final = 8321
PROVIDER_PORT: Final = 8331
HOST = click.option("--host", default="127.0.0.1", show_default=True)
PORT = click.option("--port", default=API_PORT, show_default=True, type=click.IntRange(0, 65535))


def address_of(listener: socket.socket) -> str:
    """The URL of a listening socket, for example `http://127.0.0.1:8321`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def provider_ledger(home: Path) -> Path:
    """The file in which the payment provider of this home keeps its refunds."""
    return home / "provider.sqlite"
