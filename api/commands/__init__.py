"""The commands of the command line. To add one, add a file here and a line in COMMANDS.

A command is imported only when it runs, so that `verify` does not wait for the HTTP server's imports.
"""

from collections.abc import Mapping
from importlib import import_module

import click

COMMANDS: Mapping[str, str] = {
    "demo": "demo",
    "demo-stream": "demo",
    "demo-issuer": "demo_issuer",
    "serve": "serve",
    "worker": "worker",
    "migrate": "migrate",
    "doctor": "doctor",
    "replay": "replay",
    "signals": "signals",
    "sources": "sources",
    "case": "case",
    "adjustments": "adjustments",
    "audit": "audit",
    "verify": "verify",
    "witness": "witness",
    "held": "held",
    "log": "log",
    "references": "references",
    "people": "people",
    "personal-data": "personal_data",
    "policy": "policy",
    "projections": "projections",
    "provider": "provider",
    "psql": "psql",
}
"""Command -> the module that defines it."""


class Commands(click.Group):
    """The group of all commands, imported lazily."""

    def list_commands(self, _: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"{__name__}.{COMMANDS[name]}")
        found = getattr(module, name.replace("-", "_"))
        assert isinstance(found, click.Command)
        return found
