"""Plausible bugs in granting roles and in break-glass, and the tests that must catch them."""

from __future__ import annotations

from tests.proofs.planted_bugs import EXECUTION, INVOLVED, Bug

TWO = "tests/application/test_grants_take_two_people.py"
ALONE = "tests/domain/test_policy_changes_by_one_person.py"
CONTROLS = "tests/audit/test_control_operation.py"
TIMES = "tests/api/test_times_in_commands.py"

MOMENTS = "domain/moments.py"
GRANTS = "domain/grants.py"
PERSON = "domain/person.py"
VALIDITY = "domain/grant_validity.py"
CHAINS = "tests/application/test_chains_of_grants.py"
PERMISSIONS = "domain/permissions.py"
STATES = "application/people/person_states.py"
PEOPLE = "application/people/people_desk.py"
CONFIRMING = "application/people/grant_desk.py"
CURRENT = "application/money/current_people.py"

PEOPLE_BUGS = (
    Bug(
        "who proposed a grant rejects it",
        GRANTS,
        '    if {*givers} & {*by}:\n        who = ", ".join(found.granted_by.persons)\n        raise errors.AnotherPersonNeeded(\n'
        '            f"{who} proposed {grant} of {person.name}: withdraw',
        '    if not {*givers}:\n        who = ", ".join(found.granted_by.persons)\n        raise errors.AnotherPersonNeeded(\n'
        '            f"{who} proposed {grant} of {person.name}: withdraw',
        TWO,
    ),
    Bug(
        "refused attempts at the same moment are lost",
        "application/people/refusals.py",
        "    if log.append_last(write, ATTEMPTS) is None:",
        "    if log.append_last(write, 1) is None and not ATTEMPTS:",
        "tests/infrastructure/test_many_refusals_at_once.py",
    ),
    Bug(
        "a command takes a time that some zone cannot write",
        MOMENTS,
        "                check_in_every_zone(moment)\n",
        "",
        TIMES,
    ),
    Bug(
        "a recorded time that no zone can write is left as it is",
        MOMENTS,
        "            structs.force_setattr(event, field, in_utc(moment))",
        "            pass",
        TIMES,
    ),
    Bug(
        "a grant of one manager is active at once",
        GRANTS,
        "people.GrantProposed if by and is_controlled(request.role) else people.PersonGranted",
        "people.PersonGranted",
        TWO,
    ),
    Bug(
        "the roles of a new person are active at once",
        GRANTS,
        "[role for role in request.roles if by and is_controlled(role)]",
        "[role for role in request.roles if not by and is_controlled(role)]",
        TWO,
    ),
    Bug(
        "a role that proposes is no part of a control",
        PERMISSIONS,
        "        _P.WORK_CASES,\n        _P.PROPOSE_ADJUSTMENTS,\n        _P.APPROVE_ADJUSTMENTS,\n        _P.EXEC",
        "        _P.WORK_CASES,\n        _P.APPROVE_ADJUSTMENTS,\n        _P.EXEC",
        TWO,
    ),
    Bug(
        "the receiver confirms under another name",
        GRANTS,
        '    _require_different_person(person, by, "confirms a grant of")\n',
        "",
        TWO,
    ),
    Bug(
        "the proposer confirms",
        GRANTS,
        "if own := {*givers} & {*by}:",
        "if own := {*givers} & set():",
        TWO,
    ),
    Bug(
        "only the name that proposed counts at the confirmation",
        CONFIRMING,
        "_names(confirmers), _names(givers), by.now)\n            self",
        "by.actor.persons, (), by.now)\n            self",
        TWO,
    ),
    Bug(
        "a grant counts although giver and confirmer turned out to be one person",
        VALIDITY,
        "*map(known.names_of, grant.granted_by.persons)",
        "{*grant.granted_by.persons}",
        TWO,
    ),
    Bug(
        "a void grant is alive", PERSON, "return GrantStatus.VOID", "return GrantStatus.ACTIVE", TWO
    ),
    Bug(
        "a void grant counts for an approval that was given before",
        STATES,
        "authority_of(mark_void_grants(past, self).at(at)) if past",
        "authority_of(past.at(at)) if past",
        EXECUTION,
    ),
    Bug(
        "a grant from a manager whose own grant is void counts",
        VALIDITY,
        '        return f"{why} gave it"\n',
        "        return None\n",
        CHAINS,
    ),
    Bug(
        "a grant confirmed by a manager whose own grant is void counts",
        VALIDITY,
        "    if grant.was_proposed and (why := _why_confirmed_in_vain(grant, known)):\n        return why\n",
        "",
        CHAINS,
    ),
    Bug(
        "a confirmation by a manager whose own grant is void counts for a grant of the operator",
        VALIDITY,
        "return None if grant.was_proposed else _why_confirmed_in_vain(grant, known)",
        "return None",
        CHAINS,
    ),
    Bug(
        "a manager whose grant ended later has given nothing",
        VALIDITY,
        "    past = known.before(name, position)\n",
        "    past = known.before(name, 1_000_000)\n    return past is not None and not allows(authority_of(past.at(at)))\n",
        CHAINS,
    ),
    Bug(
        "a return makes what was done with a void grant valid",
        STATES,
        "authority_of(mark_void_grants(past, self).at(at)) if past",
        "authority_of(set(past.at(at)) - {g for g in self.person(name).grants if g.void_for}) if past",
        CHAINS,
    ),
    Bug(
        "a break-glass that somebody with a void role opened counts",
        VALIDITY,
        "        return _why_void_glass(person, grant, known)\n",
        "        return None\n",
        CHAINS,
    ),
    Bug(
        "a payment is not decided again when the giver of a giver changes",
        STATES,
        "            more = frozenset().union(*map(self.givers, people))\n",
        "            more = frozenset()\n",
        CHAINS,
    ),
    Bug(
        "a decision of a manager whose grant is void counts in an access review",
        "domain/access_review_decisions.py",
        "    if known.managed_by_a_void_grant(verdict):\n",
        "    if False:\n",
        CHAINS,
    ),
    Bug(
        "a return makes every grant active again",
        GRANTS,
        "gives_again=again",
        "gives_again=again[:0]",
        TWO,
    ),
    Bug(
        "a proposal of somebody who left can be confirmed",
        CONFIRMING,
        "if giver.persons and (who := find_no_manager(giver, givers, by.now)) is not None:",
        "if not giver.persons and (who := find_no_manager(giver, givers, by.now)) is not None:",
        TWO,
    ),
    Bug(
        "a confirmer whose role was revoked a moment ago confirms",
        CONFIRMING,
        "if (who := find_no_manager(by.actor, confirmers, by.now)) is not None:",
        "if (who := find_no_manager(by.actor, confirmers[:0], by.now)) is None:",
        TWO,
    ),
    Bug(
        "names linked at the moment of a confirmation are not noticed",
        CONFIRMING,
        "return _decision(person, event, record.deciding_names(names))",
        "return _decision(person, event, record.known_as([name]))",
        TWO,
    ),
    Bug(
        "names linked while a confirmation is decided are read again with their guards",
        CONFIRMING,
        "return _decision(person, event, record.deciding_names(names))",
        "return _decision(person, event, self._people.deciding_names(names))",
        TWO,
    ),
    Bug(
        "one person chains emergency changes under two names",
        "domain/policy/governance_rules.py",
        "    own = {*names_of(by.persons)}\n    for active in reversed([one for one in governed.reigns if "
        "one.starts_at <= now]):\n        if active.is_by_one_person and own & {*names_of(active.by.persons)}:",
        "    own = {*by.persons}\n    for active in reversed([one for one in governed.reigns if "
        "one.starts_at <= now]):\n        if active.is_by_one_person and own & {*active.by.persons}:",
        ALONE,
    ),
    Bug(
        "one person chains emergency changes",
        "domain/policy/governance_decisions.py",
        "    require_no_chain(governed, by, now, names_of)\n",
        "",
        ALONE,
    ),
    Bug(
        "a rollback of one's own ends the chain of emergency changes",
        "domain/policy/governance_rules.py",
        "if not active.is_by_one_person and not active.is_rollback:",
        "if not active.is_by_one_person:",
        ALONE,
    ),
    Bug(
        "an emergency change stops the clocks",
        "domain/policy/governance_rules.py",
        "    faults += find_calendar_faults(approved.document, document, now)\n",
        "",
        ALONE,
    ),
    Bug(
        "the involved review a break-glass of a queue",
        "application/people/break_glass_parties.py",
        "if x.actor.under == name and isinstance",
        "if x.actor.under is None and isinstance",
        INVOLVED,
    ),
    Bug(
        "a break-glass for any stream",
        "application/people/break_glass_desk.py",
        "            streams.require_case_trail(case, trails.get(case, ()))\n        found = (streams.cases(self._log).fold_lines(trails[case]) for case in wanted)",
        "            assert case\n        found = (streams.cases(self._log).fold_lines(trails.get(case, ())) for case in wanted)",
        INVOLVED,
    ),
    Bug(
        "a grant of the command line passes for confirmed",
        "application/audit/grants_by_two.py",
        "elif grant.confirmed_by is None:",
        "elif grant.confirmed_by is None and grant.granted_by.persons:",
        CONTROLS,
    ),
    Bug(
        "the payment is decided by a trail that is older than the case",
        CURRENT,
        "        if places.keys() < {*earlier_acts(adjustment)}:  # the case has gone on since\n",
        "        if not places:\n",
        "tests/application/test_a_case_goes_on_while_it_is_paid.py",
    ),
)
