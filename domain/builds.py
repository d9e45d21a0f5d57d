"""The builds that have written to the log: their code, libraries and database schema."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import Struct

from domain.people import Actor
from domain.texts import Digest, one_line

BUILDS_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:builds")
SERVICE_ACTOR: Final = Actor("system:service")
"""Any process of the service, where it records something about itself."""
ShortText = Annotated[str, one_line(200, least=1)]


class BuildStarted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="build.started"):
    """A process is about to write with a build that is new to the log.

    Other processes may still write with builds that the log knows.
    """

    build: Digest
    """SHA-256 of the fields below except `commit`."""
    version: ShortText
    files: Digest
    """SHA-256 over the files of the package, each with its name."""
    python: ShortText
    libraries: Mapping[ShortText, ShortText]
    migrations: Mapping[ShortText, Digest]
    """The applied migrations of the schema, each with its digest."""
    commit: ShortText | None = None


def build_stream(build: str) -> UUID:
    """The stream of a build: it holds one event."""
    return uuid5(BUILDS_NAMESPACE, build)


def create_build_started(
    version: str,
    files: str,
    python: str,
    libraries: Mapping[str, str],
    migrations: Mapping[str, str],
    commit: str | None = None,
) -> BuildStarted:
    content = (version, files, python, dict(libraries), dict(migrations))
    digest = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    return BuildStarted(
        build=digest,
        version=version,
        files=files,
        python=python,
        libraries=libraries,
        migrations=migrations,
        commit=commit,
    )
