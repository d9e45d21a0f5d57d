"""A loss is proven by what the log's key has signed. Heads and sizes that others tell are shown as unsigned claims:
never left out, and never counted as proof."""

from __future__ import annotations

import msgspec

from infrastructure.transparency.acknowledged import AcknowledgedHead, AcknowledgedHeads
from tests.lost_tails import Site, run_command


def forge_head(site: Site, position: int) -> None:
    """Somebody who may write to the directory of heads makes one up; it needs no key."""
    forged = AcknowledgedHeads(site.settings.heads_place)
    forged.open()
    forged.acknowledged(AcknowledgedHead(position, b"\x07" * 32))
    forged.close()


def test_a_loss_says_what_is_signed_and_what_is_claimed(lost: Site) -> None:
    """Four events were lost, and the last checkpoint had the first two of them."""
    told = run_command(lost.settings, "log", "loss")
    signed = lost.kept + 2
    assert (
        f"2 are proven by a signed checkpoint of {signed} positions; 2 are claimed by unsigned statements alone."
        in told.output
    )
    assert f"{signed} positions (signed): checkpoint {signed} in" in told.output
    assert f"{lost.kept + 4} positions (unsigned claim): acknowledged" in told.output
    assert lost.accept().exit_code == 0
    (loss,) = lost.origins().losses
    kinds = {one.size: one.is_signed for one in loss.event.statements}
    assert (kinds[signed], kinds[lost.kept + 4]) == (True, False)
    _, answer = lost.ask(25)
    (control,) = [one for one in answer["controls"] if one["name"] == "nothing_lost"]
    (wrong,) = control["exceptions"]
    proof = "4 events were lost (2 proven by a signed checkpoint and 2 by unsigned claims only)"
    assert wrong["detail"].startswith(proof)
    said = run_command(lost.settings, "audit", "ask", "10").output
    assert (
        "2 lost events are proven by a signed checkpoint; 2 more are UNSIGNED CLAIMS"
        in " ".join(said.split())
    )


def test_a_forged_head_alone_is_a_claim_that_nothing_proves(site: Site) -> None:
    site.append(3)
    site.sign()
    head = site.head()
    forge_head(site, head + 1_000)
    told = run_command(site.settings, "log", "loss")
    assert (
        "NONE of them is proven: no signed checkpoint covers them. 1000 are claimed" in told.output
    )
    assert f"{head + 1_000} positions (unsigned claim): acknowledged here" in told.output


def test_a_forged_head_beyond_a_real_loss_is_kept_apart_from_what_is_signed(lost: Site) -> None:
    forge_head(lost, lost.kept + 500)
    told = run_command(lost.settings, "log", "loss", "--json")
    report = msgspec.json.decode(told.stdout)
    assert (report["last"], report["signed"]) == (lost.kept + 500, lost.kept + 2)
    said = run_command(lost.settings, "log", "loss").output
    assert "2 are proven by a signed checkpoint" in said
    assert "498 are claimed by unsigned statements alone" in said


def test_what_a_follower_tells_is_a_claim(lost: Site) -> None:
    told = run_command(lost.settings, "log", "loss", "--follower", f"feed={lost.kept + 9}")
    assert f"{lost.kept + 9} positions (unsigned claim): " in told.output
