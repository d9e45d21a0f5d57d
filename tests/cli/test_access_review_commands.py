"""casetrail people reviews | open-review | decide-review | complete-review, with a person's token."""

from __future__ import annotations

import json

from tests.api.running_service import RunningService
from tests.cli.conftest import Casetrail


def test_a_review_is_done_with_peoples_tokens(server: RunningService, run_as: Casetrail) -> None:
    for manager in ("rita", "rolf"):
        run_as(manager, "grants")
    assert "policy sets no schedule for access reviews" in run_as("rita", "reviews").stdout
    opened = json.loads(run_as("rita", "open-review", "--json").stdout)
    review, names = (
        opened["review"],
        [f"{one['grant']['person']}/{one['grant']['grant']}" for one in opened["items"]],
    )
    others = [words for name in names if name != "rita/g1" for words in ("--keep", name)]
    why = ("--reason", "Still needed.")
    refused = run_as("rita", "decide-review", review, "--keep", "rita/g1", *why)
    assert refused.returncode != 0
    assert "rita holds or gave grant g1 of rita: another person decides" in refused.stderr
    assert "such as ana/g1" in run_as("rita", "decide-review", review, "--keep", "x", *why).stderr
    assert "--keep or --revoke" in run_as("rita", "decide-review", review, *why).stderr
    told = run_as("rita", "decide-review", review, *others, *why).stdout
    many = len(names)
    assert told == (
        f"access review {review} of {many} grants has 1 still to be decided ({many - 1} kept, 0 revoked)\n"
    )
    assert "nobody has decided yet" in run_as("rita", "reviews", review).stdout
    assert run_as("rita", "complete-review", review).returncode != 0
    told = run_as("rolf", "decide-review", review, "--revoke", "rita/g1", *why).stdout
    assert f"has 0 still to be decided ({many - 1} kept, 1 revoked)" in told
    assert "is completed" in run_as("rolf", "complete-review", review).stdout
    assert "rita" in run_as("rolf", "reviews").stdout
