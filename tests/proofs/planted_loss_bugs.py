"""Plausible bugs in accepted losses and in the wait for standbys, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

CHECKPOINTS: Final = "infrastructure/transparency/checkpoints.py"
TAIL: Final = "infrastructure/transparency/lost_tail.py"
ACCEPTANCE: Final = "infrastructure/event_store/loss_acceptance.py"
COMMAND: Final = "api/commands/log.py"
ACCEPTED: Final = "tests/infrastructure/test_accepted_losses.py"
ORIGINS: Final = "tests/infrastructure/test_origins_after_losses.py"
LOST_EVENTS: Final = "tests/infrastructure/test_lost_events.py"
STANDBYS: Final = "tests/survival/test_standbys.py"

CLAIMS = "tests/infrastructure/test_unsigned_claims_of_a_loss.py"
LOSS_BUGS: Final = (
    Bug(
        "the printed key is that of the first origin",
        "infrastructure/transparency/key_rotation.py",
        "    key = checkpoints.signer_of(number).key\n",
        "    key = checkpoints.signer.key\n",
        ORIGINS,
    ),
    Bug(
        "the log is read before the heads that were acknowledged",
        TAIL,
        "    heads = checkpoints.heads\n"
        "    acknowledged = (\n"
        "        [(number, heads.known(number), *heads.recent(number)) for number in heads.numbers()]\n"
        "        if heads is not None\n"
        "        else []\n"
        "    )\n"
        "    origins = read_origins(connection)\n"
        "    found = _Found(connection, origins)\n",
        "    heads = checkpoints.heads\n"
        "    origins = read_origins(connection)\n"
        "    found = _Found(connection, origins)\n"
        "    acknowledged = (\n"
        "        [(number, heads.known(number), *heads.recent(number)) for number in heads.numbers()]\n"
        "        if heads is not None\n"
        "        else []\n"
        "    )\n",
        ACCEPTED,
    ),
    Bug(
        "an event alone accepts a loss",
        CHECKPOINTS,
        "        if origins.number > signed:\n",
        "        if origins.number > signed + 1:\n",
        ORIGINS,
    ),
    Bug(
        "a checkpoint of one origin passes for another",
        "infrastructure/verifier/notes.py",
        "    if found.origin != key.name and base_name(found.origin) == base_name(key.name):\n",
        "    if found.origin != key.name and not key.name:\n",
        ORIGINS,
    ),
    Bug(
        "one person accepts a loss alone",
        COMMAND,
        "        if asked & frozenset((who.person, *who.known_as)):\n",
        "        if asked & frozenset(()):\n",
        ACCEPTED,
    ),
    Bug(
        "an agent accepts a loss",
        COMMAND,
        "    if who.actor.via or who.actor.delegate is not None:\n",
        "    if who.actor.delegate is not None:\n",
        ACCEPTED,
    ),
    Bug(
        "a request is confirmed by somebody after its author has left",
        COMMAND,
        "    if authority is None or Permission.ACCEPT_LOSS not in authority.everywhere:\n",
        "    if authority is None:\n",
        ACCEPTED,
    ),
    Bug(
        "a request that was altered is confirmed",
        ACCEPTANCE,
        "        text = notes.open_note(note, checkpoints.signer_of(number).key)\n",
        "        text = notes.split_note(note)[0]\n",
        ACCEPTED,
    ),
    Bug(
        "a loss is accepted that is not the one that was asked about",
        ACCEPTANCE,
        "        if report.digest != request.report:\n",
        "        if not report.digest:\n",
        ACCEPTED,
    ),
    Bug(
        "the root over what is left and what was lost is not compared",
        TAIL,
        "    if frontier.root() != last.root:\n",
        "    if not frontier.root():\n",
        ACCEPTED,
    ),
    Bug(
        "question 10 forgets an accepted loss",
        "infrastructure/transparency/range_check.py",
        "        unaltered=as_signed and not any(first <= loss.position <= last for loss in losses),\n",
        "        unaltered=as_signed,\n",
        ACCEPTED,
    ),
    Bug(
        "question 25 forgets an accepted loss",
        "application/audit/losses.py",
        "        if period.holds(line.recorded_at):\n",
        "        if not line.position:\n",
        ACCEPTED,
    ),
    Bug(
        "heads of lost positions stop the log for ever",
        "infrastructure/transparency/origins.py",
        "        return left is None or position <= left\n",
        "        return left is None or position > 0\n",
        ACCEPTED,
    ),
    Bug(
        "any event is attached as a lost one",
        "infrastructure/transparency/lost_events.py",
        "        if named.get(position) == leaf or (\n",
        "        if position in named or (\n",
        LOST_EVENTS,
    ),
    Bug(
        "a verifier does not compare an accepted loss with the tree",
        "infrastructure/verifier/losses.py",
        '        if event.get("kept_root") != tree.root().hex():\n',
        '        if not event.get("kept_root"):\n',
        ORIGINS,
    ),
    Bug(
        "a size is signed that no standby has",
        CHECKPOINTS,
        "                if not gate.wait(STANDBY_SECONDS):\n",
        "                if not gate.wait(STANDBY_SECONDS) and not size:\n",
        STANDBYS,
    ),
    Bug(
        "a command is acknowledged that no standby has",
        "infrastructure/event_store/acknowledgements.py",
        "            if self._gate.wait(WAIT_SECONDS):\n",
        "            if self._gate.wait(WAIT_SECONDS) or groups:\n",
        STANDBYS,
    ),
    Bug(
        "PostgreSQL's wait for fewer standbys counts as the quorum's",
        "infrastructure/postgres/standbys.py",
        "int(found[1]) >= standbys.quorum and ",
        "",
        STANDBYS,
    ),
    Bug(
        "PostgreSQL's wait for other standbys counts as the quorum's",
        "infrastructure/postgres/standbys.py",
        " and waited_for <= {*standbys.names}",
        "",
        STANDBYS,
    ),
    Bug(
        "a commit that a standby has received, and not flushed, counts",
        "infrastructure/postgres/standbys.py",
        'not in ("on", "remote_apply")',
        'not in ("on", "remote_apply", "remote_write")',
        STANDBYS,
    ),
    Bug(
        "a cancelled wait for a standby counts as an acknowledgement",
        "infrastructure/event_store/group_commit.py",
        '        if notice.severity_nonlocalized == "WARNING":\n',
        '        if notice.severity_nonlocalized == "ERROR":\n',
        STANDBYS,
    ),
    Bug(
        "an acknowledged head counts as signed",
        "infrastructure/transparency/lost_tail.py",
        "            self._add(where, last.position, last.leaf, is_signed=False)\n",
        "            self._add(where, last.position, last.leaf, is_signed=True)\n",
        CLAIMS,
    ),
    Bug(
        "a loss that only unsigned statements claim is called proven",
        "infrastructure/transparency/lost_tail.py",
        "        return max(self.kept, self.signed)\n",
        "        return self.last\n",
        CLAIMS,
    ),
    Bug(
        "question 25 counts claimed positions as proven",
        "application/audit/losses.py",
        "        claimed = event.last - max(event.signed, event.kept)\n",
        "        claimed = 0\n",
        CLAIMS,
    ),
)
