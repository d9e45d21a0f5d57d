"""The settings of the embedded server, given on its command line."""

from pathlib import Path
from typing import Final

EXPENDABLE_SETTING: Final = "casetrail.expendable"
"""Marks a server that may lose data in a power cut. The service refuses an unmarked one that may."""
_SETTINGS: Final = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
}
_DURABILITY: Final = ("fsync", "synchronous_commit", "full_page_writes")


def server_settings(socket_directory: Path, *, durable: bool) -> list[str]:
    """The options of the command line."""
    settings = {**_SETTINGS, "unix_socket_directories": f'"{socket_directory}"'}
    settings |= dict.fromkeys(_DURABILITY, "on" if durable else "off")
    if not durable:
        settings[EXPENDABLE_SETTING] = "on"
    return [f"--{name}={value}" for name, value in settings.items()]
