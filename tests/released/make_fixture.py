"""Write the fixture of a release: `tests/released/vN/home.tar.gz` and `recorded.json`.

    python -m tests.released.make_fixture N COMMIT

Run it by hand from the tree of the release, once; then commit both files and never change them. The tests
read every folder `v*`: a new fixture needs no new test. Before that, `story.py` must have an event
for each new tag (a test says which are missing).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import psycopg

from api.composition import desks
from api.configured_checkpoints import checkpoints_of
from application.policy.reperformance import Period, Reperformance
from domain.merkle.tree import root_at
from infrastructure.personal.vault import vault_of
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.nodes import read_nodes
from tests.api.running_service import serve
from tests.conftest import Databases, remove, start_server_in_memory
from tests.released.homes import (
    FOLDER,
    Answered,
    Answers,
    Release,
    kept_headers,
    reports_of,
    settings_of,
    stored,
    tables_of,
    tags_in,
    token_of,
)
from tests.released.story import ERASED, KEPT, Story


def main(version: str, commit: str) -> None:
    folder = FOLDER / f"v{version}"
    server = start_server_in_memory()
    try:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            databases = Databases(connection, server.dsn(), "released")
            with databases.new() as name, tempfile.TemporaryDirectory() as home:
                write(folder, version, commit, databases.dsn(name), Path(home))
    finally:
        remove(server)


def write(folder: Path, version: str, commit: str, dsn: str, home: Path) -> Release:
    """Write a log to this empty database, and both files."""
    settings = settings_of(dsn, home)
    story = Story(dsn, settings)
    story.tell(home / "bundle")
    with desks(dsn, vault=vault_of(settings)) as working:
        working.ensure_policy()
        redone = [*Reperformance(working.log, working.policy.cited).reperform_all(Period())]
    found = [one for some in redone for one in some]
    assert not [one for one in found if one.differs]
    answers = Answers(story.asked, [*_read(dsn, story)])
    with connect(dsn) as connection, psycopg.connect(dsn) as other:
        head = other.execute("SELECT position FROM log_head").fetchone()
        assert head is not None
        release = Release(
            version=version,
            commit=commit,
            clock=story.clock[0],
            head=head[0],
            root=root_at(head[0], lambda *node: read_nodes(connection, *node)).hex(),
            key=checkpoints_of(settings).signer.key.text,
            decisions=len(found),
            migrations=dict(other.execute("SELECT name, digest FROM migrations").fetchall()),
            tables=tables_of(other),
            tags=tags_in(dsn),
            reports=reports_of(dsn),
        )
    folder.mkdir()
    stored(dsn, settings, home / "bundle", answers, folder / "home.tar.gz")
    recorded = msgspec.json.format(msgspec.json.encode(release), indent=1)
    (folder / "recorded.json").write_bytes(recorded + b"\n")
    return release


def _read(dsn: str, story: Story) -> Iterator[Answered]:
    """Request the answers of the release for this log."""
    with serve(dsn, lambda: story.clock[0]) as (url, _), httpx2.Client(base_url=url) as client:
        items = client.get("/v1/cases?limit=200", headers=token_of("ana")).json()["items"]
        cases = [item["case_id"] for item in items]
        detailed = [
            item["case_id"] for item in items if item["order_id"] in (KEPT, ERASED, "o-money")
        ]
        policies = client.get("/v1/policies", headers=token_of("ana")).json()["items"]
        paths = [
            *(f"/v1/cases/{case}" for case in cases),
            *(f"/v1/cases/{case}/{part}" for case in detailed for part in ("packet", "trail")),
            *(f"/v1/orders/{order}" for order in (KEPT, ERASED, "o-all", "o-money")),
            *(f"/v1/orders/{order}/timeline" for order in (KEPT, ERASED, "o-all")),
            "/v1/policies",
            f"/v1/policies/{policies[-1]['version']}",
            "/v1/queues",
            "/v1/people",
        ]
        for by, path in [*(("ana", path) for path in paths), ("aud", "/v1/audit/questions")]:
            answer = client.get(path, headers=token_of(by))
            assert answer.status_code == 200, f"{path}: {answer.text}"
            yield Answered(by, "GET", path, {}, "", answer.text, kept_headers(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
