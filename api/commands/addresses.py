"""Hosts, ports and paths that several commands use."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
API_PORT: Final = 8321
PROVIDER_PORT: Final = 8331
HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
PORT_NUMBER: Final = click.IntRange(0, 65535)


def port_option(default: int) -> Callable[[Command], Command]:
    """The option --port with this default."""
    return click.option(
        "--port",
        default=default,
        show_default=True,
        type=PORT_NUMBER,
        help="Port to listen on; 0 takes any free one.",
    )


def address_of(listener: socket.socket) -> str:
    """The URL of a listening socket, for example `http://127.0.0.1:8321`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def provider_ledger(home: Path) -> Path:
    """The file in which the demonstration's payment provider keeps its refunds."""
    return home / "provider.sqlite"
