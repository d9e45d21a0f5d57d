"""casetrail sources pull, pull-settings, pull-secret and pulls."""

import json
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.conftest import ROOT, Casetrail, command, environment
from tests.sources.pullers import document, item
from tests.sources.senders import MAPPING
from tests.sources.shops.local_system import TOKEN, Asked, running
from tests.sources.shops.paged_list import PagedList


def test_a_source_is_pulled_by_a_document(casetrail: Casetrail, tmp_path: Path) -> None:
    mapping, pulls, token = tmp_path / "m.yaml", tmp_path / "p.yaml", tmp_path / "token"
    mapping.write_text(MAPPING)
    pulls.write_text(document())
    token.write_text(f"{TOKEN}\n")
    assert casetrail("sources", "pulls", pulls).stdout == "little_shop  \n"
    assert "stripe  Events of Stripe" in casetrail("sources", "pulls").stdout
    added = casetrail("sources", "add", "little", "--mapping", mapping, "--owner", "order_desk")
    assert added.returncode == 0, added.stderr
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    early = casetrail("sources", "pull", "little", "--since", since)
    assert (early.returncode, "is not set up to be pulled" in early.stderr) == (2, True)
    with running(PagedList()) as shop:
        shop.items = [item(f"p-{n}") for n in range(7)]
        words = ("sources", "pull-settings", "little", pulls, "--address", shop.url)
        words = (*words, "--secret-file", token, "--reason", "No webhooks.")
        at_once = casetrail(*words)
        assert (at_once.returncode, "CASETRAIL_PULL_HOSTS" in at_once.stderr) == (2, True)
        hosts = {"CASETRAIL_PULL_HOSTS": "127.0.0.1"}
        chosen = casetrail(*words, more=hosts)
        assert chosen.returncode == 0, chosen.stderr
        refused = casetrail("sources", "pull", "little", "--since", since)
        assert (refused.returncode, "not_allowed" in refused.stdout) == (1, True)
        assert "CASETRAIL_PULL_HOSTS" in refused.stdout
        assert shop.asked == []
        ran = casetrail("sources", "pull", "little", "--since", since, "--json", more=hosts)
        assert ran.returncode == 0, ran.stderr + ran.stdout
        found = json.loads(ran.stdout)
        assert (found["listed"], found["recorded"], found["pages"]) == (7, 7, 4)
        token.write_text("another-token-of-ours")
        assert casetrail("sources", "pull-secret", "little", "--secret-file", token).returncode == 0
        wrong = casetrail("sources", "pull", "little", more=hosts)
        assert (wrong.returncode, "the secret is refused" in wrong.stdout) == (1, True)
    (row,) = json.loads(casetrail("sources", "list", "--json").stdout)
    assert "refused" in row["pulled"]
    assert row["next pull"] is None
    assert TOKEN not in ran.stdout + ran.stderr + chosen.stdout


def test_a_pull_that_is_killed_is_done_again_by_another_process(
    casetrail: Casetrail, database: str, tmp_path: Path
) -> None:
    mapping, pulls, token = tmp_path / "m.yaml", tmp_path / "p.yaml", tmp_path / "token"
    mapping.write_text(MAPPING)
    pulls.write_text(document())
    token.write_text(TOKEN)
    casetrail("sources", "add", "killed", "--mapping", mapping, "--owner", "order_desk")
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    third, leave = threading.Event(), threading.Event()
    hosts = {"CASETRAIL_PULL_HOSTS": "127.0.0.1"}
    with running(PagedList()) as shop:
        shop.items = [item(f"k-{n}") for n in range(12)]

        def hold(_: Asked) -> None:
            if len(shop.asked) == 2:
                third.set()
                leave.wait(100)

        shop.watch = hold
        words = ("sources", "pull-settings", "killed", pulls, "--address", shop.url)
        casetrail(*words, "--secret-file", token, "--reason", "No webhooks.", more=hosts)
        told = command(tmp_path / "home", "sources", "pull", "killed", "--since", since)
        with subprocess.Popen(told, env={**environment(database), **hosts}, cwd=ROOT) as process:
            assert third.wait(60)
            other = casetrail("sources", "pull", "killed", "--since", since, more=hosts)
            assert (other.returncode, "being pulled" in other.stderr) == (2, True)
            process.kill()
        leave.set()
        shop.watch = lambda _: None
        (row,) = [
            one
            for one in json.loads(casetrail("sources", "list", "--json").stdout)
            if one["source"] == "killed"
        ]
        assert row["pulled"] is None
        ran = casetrail("sources", "pull", "killed", "--since", since, "--json", more=hosts)
    found = json.loads(ran.stdout)
    assert (found["listed"], found["known"], found["recorded"]) == (12, 6, 6)
