"""The builds that have written to the log: which code, on which libraries, over which schema."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import Meta, Struct

from domain.people import Actor
from domain.texts import PATTERN_END, one_line

BUILDS_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:builds")
SERVICE_ACTOR: Final = Actor("system:service")
"""Any process of the service, where it speaks of itself."""

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + PATTERN_END)]
ShortText = Annotated[str, one_line(200, least=1)]


class BuildStarted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="build.started"):
    """A process was about to write with a build that the log had not seen. Others may have gone on
    writing with builds that it had."""

    build: Digest
    """SHA-256 of what makes it what it is: all below but the commit."""
    version: ShortText
    files: Digest
    """SHA-256 over the files of the package, each with its name."""
    python: ShortText
    libraries: Mapping[ShortText, ShortText]
    migrations: Mapping[ShortText, Digest]
    """Of the schema that it found, each with its digest."""
    commit: ShortText | None = None


BuildEvent: TypeAlias = BuildStarted


def build_stream(build: str) -> UUID:
    """A stream for each build: it begins once."""
    return uuid5(BUILDS_NAMESPACE, build)


def create_build_started(
    version: str,
    files: str,
    python: str,
    libraries: Mapping[str, str],
    migrations: Mapping[str, str],
    commit: str | None = None,
) -> BuildStarted:
    told = (version, files, python, dict(libraries), dict(migrations))
    digest = hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()
    return BuildStarted(
        build=digest,
        version=version,
        files=files,
        python=python,
        libraries=libraries,
        migrations=migrations,
        commit=commit,
    )
