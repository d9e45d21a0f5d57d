"""Plausible bugs in authorization and segregation, and the tests that must catch them."""

from __future__ import annotations

from typing import NamedTuple

RULES = "tests/application/test_adjustment_rules_one_by_one.py"
HANDS = "tests/application/test_adjustments.py"
GLASS = "tests/application/test_break_glass.py"
GIVING = "tests/application/test_granting_roles.py"
PRINCIPALS = "tests/application/test_principals.py"
AUTHORS = "tests/application/test_policy_authors.py"
GRANTS = "tests/domain/test_grant_scopes.py"
DOOR = "tests/api/test_token_cache.py"
ROWS = "tests/event_store/test_a_person_takes_one_duty_in_a_case.py"
CAPTURES = "tests/domain/test_money_captures.py"
REFUNDS = "tests/domain/test_money_refunds.py"
PIECES = "tests/domain/test_pieces.py"
STATEMENTS = "tests/domain/test_statements_that_count.py"
BY_LINE = "tests/application/test_adjustments_by_line.py"
INVOLVED = "tests/application/test_break_glass_of_the_involved.py"
EXECUTION = "tests/application/test_execution_checks.py"
LISTS = "tests/api/test_scope.py::test_no_list_shows_what_is_out_of_scope"

DECISIONS = "domain/adjustments/decisions.py"
ADJUSTMENT = "domain/adjustments/adjustment.py"
BOUND_FACTS = "domain/adjustments/bound_facts.py"
LIMITS = "domain/adjustments/refund_limits.py"
GOODS = "domain/orders/goods.py"
LEDGER = "domain/adjustments/ledger.py"
APPROVALS = "domain/policy/approvals.py"
GOVERNING = "domain/policy/governance_decisions.py"
AUTHORITY = "domain/authority.py"
PERMISSIONS = "domain/permissions.py"
PEOPLE = "domain/people.py"
PERSON = "domain/person.py"
GRANTING = "domain/grants.py"
BREAK_GLASS = "domain/break_glass.py"
DUTIES = "domain/cases/duties.py"
ACTS = "application/cases/case_commands.py"
CURRENT = "application/money/current_people.py"
EXECUTING = "domain/adjustments/execution_checks.py"
WHO = "application/people/principals.py"
TOKENS = "infrastructure/identity/access_tokens.py"
AUTHENTICATION = "api/http/authentication.py"
APPEND_SQL = "infrastructure/event_store/sql/0016_the_door.sql"
SQL = "infrastructure/event_store/sql/0004_one_person_one_duty.sql"


class Bug(NamedTuple):
    """A bug: `old` occurs once in the file; with `new` in its place, these tests must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


BUGS = (
    # Segregation: one human, one duty.
    Bug(
        "an approver's earlier duty is ignored",
        DECISIONS,
        "    found = find_duty_conflict(case.duties, by.names, Duty.APPROVE, by.elsewhere)\n",
        "    found = None\n",
        RULES,
    ),
    Bug(
        "a rejecter's earlier duty is ignored",
        DECISIONS,
        "    require_no_duty_conflict(case.duties, by.names, Duty.APPROVE, by.elsewhere)\n",
        "",
        RULES,
    ),
    Bug(
        "an executor's earlier duty is ignored",
        DECISIONS,
        "    require_no_duty_conflict(case.duties, by.names, Duty.EXECUTE, by.elsewhere)\n",
        "",
        RULES,
    ),
    Bug(
        "a reconciler's earlier duty is ignored",
        DECISIONS,
        "    require_no_duty_conflict(case.duties, by.names, Duty.RECONCILE, by.elsewhere)\n",
        "",
        RULES,
    ),
    Bug(
        "an approver may work the case",
        ACTS,
        "                    require_no_duty_conflict(now.duties, by.names, duty, over.elsewhere)\n",
        "                    pass\n",
        RULES,
    ),
    Bug(
        "an earlier duty counts under the first name only",
        DUTIES,
        "        for name in names:\n",
        "        for name in [*names][:1]:\n",
        RULES,
    ),
    Bug(
        "a note is no duty",
        DUTIES,
        "    work.NoteAdded,\n    work.EvidenceAttached,\n    steps.TaskCreated,",
        "    work.EvidenceAttached,\n    steps.TaskCreated,",
        HANDS,
    ),
    Bug(
        "a rejection is no duty",
        DUTIES,
        "money.AdjustmentApproved() | money.AdjustmentRejected():",
        "money.AdjustmentApproved():",
        HANDS,
    ),
    Bug(
        "a delegate's own duty is ignored",
        PEOPLE,
        "for one in (self.person, self.delegate) if one",
        "for one in (self.person,) if one",
        HANDS,
    ),
    Bug(
        "other names of a human do not count",
        "application/log/caller.py",
        "dict.fromkeys((*self.actor.persons, *self.known_as))",
        "dict.fromkeys(self.actor.persons)",
        HANDS,
    ),
    Bug(
        "an agent approves",
        DECISIONS,
        "    if by.is_agent:\n        yield",
        "    if False:\n        yield",
        RULES,
    ),
    Bug(
        "an agent rejects, executes and reconciles",
        DECISIONS,
        "    if by.is_agent:\n        raise",
        "    if False:\n        raise",
        RULES,
    ),
    Bug(
        "an agent has all permissions of its person",
        "domain/principals.py",
        "return left - NEVER_FOR_AGENTS if is_agent else left",
        "return left",
        DOOR,
    ),
    Bug(
        "a refusal is not recorded",
        ACTS,
        "            record_refusal(self.log, now, refusal, by)\n",
        "",
        HANDS,
    ),
    # What the database receives, and refuses.
    Bug(
        "duties are not sent to the database",
        ACTS,
        "by.row(after) if by.row else None, duties)",
        "by.row(after) if by.row else None)",
        RULES,
    ),
    Bug(
        "the first proposal stores no earlier duties",
        ACTS,
        " for name, one in case.duties.items()] if proposed else []",
        " for name, one in case.duties.items() if False]",
        RULES,
    ),
    Bug(
        "a duty is stored under one name only",
        ACTS,
        "for duty in dict.fromkeys(duties) for name in names]",
        "for duty in dict.fromkeys(duties) for name in names[:1]]",
        RULES,
    ),
    Bug(
        "the database function accepts a second duty",
        APPEND_SQL,
        "            AND duty <> duties_taken[n];\n        IF FOUND THEN",
        "            AND duty <> duties_taken[n];\n        IF FALSE THEN",
        ROWS,
    ),
    Bug(
        "the database key includes the duty",
        SQL,
        "    PRIMARY KEY (case_id, person)\n",
        "    PRIMARY KEY (case_id, person, duty)\n",
        ROWS,
    ),
    Bug(
        "the SQL statement omits the rows of duties",
        "infrastructure/event_store/append_call.py",
        "for pending in group for duty in pending.append.duties]",
        "for pending in group for duty in ()]",
        ROWS,
    ),
    Bug(
        "the log in memory accepts a second duty",
        "infrastructure/event_store/in_memory.py",
        "is not row.duty:",
        "is None:",
        ROWS,
    ),
    # Limits and amounts.
    Bug(
        "a limit is exclusive",
        DECISIONS,
        "    elif found[1] < counted:\n",
        "    elif found[1] <= counted:\n",
        RULES,
    ),
    Bug(
        "there is no limit",
        DECISIONS,
        "    elif found[1] < counted:\n",
        "    elif found[1] < 0:\n",
        RULES,
    ),
    Bug(
        "other adjustments of the customer do not count",
        APPROVALS,
        "        return max(self.of_order, self.of_customer or self.of_order, *sums)\n",
        "        return self.of_order\n",
        HANDS,
    ),
    Bug(
        "adjustments of the customer count for ever",
        LEDGER,
        "        return [entry for entry in ledger.entries if entry.at >= since]\n",
        "        return [*ledger.entries]\n",
        HANDS,
    ),
    Bug(
        "withdrawn adjustments count",
        LEDGER,
        "return entry.adjustment not in known or known[entry.adjustment].state in COUNTED",
        "return entry is not COUNTED",
        HANDS,
    ),
    Bug(
        "paid adjustments do not count",
        ADJUSTMENT,
        "COUNTED_STATES = (*LIVE_STATES, *PAID_STATES)",
        "COUNTED_STATES = LIVE_STATES",
        RULES,
    ),
    Bug(
        "an approval needs no digest",
        DECISIONS,
        "    if digest != adjustment.digest:\n",
        "    if not digest:\n",
        RULES,
    ),
    Bug(
        "the facts of the order may have changed",
        BOUND_FACTS,
        "        if was.fact in now\n        and not is_same_value(was.value, now[was.fact].value)\n        and was.value != ERASED\n",
        "        if False\n",
        RULES,
    ),
    Bug("the policy may have changed", BOUND_FACTS, "    elif was == now:\n", "    else:\n", RULES),
    Bug(
        "an adjustment on changed facts does not lapse",
        BOUND_FACTS,
        "    found = (find_drift(one, order, policy) for one in adjustments.unexecuted)\n",
        "    found = (find_drift(one, order, policy) for one in adjustments.live[:0])\n",
        HANDS,
    ),
    Bug(
        "one person approves twice",
        DECISIONS,
        "        if set(approval.persons) & set(by.names):\n",
        "        if False:\n",
        HANDS,
    ),
    Bug(
        "one human approves twice under two names",
        DECISIONS,
        "        if set(approval.persons) & set(by.names):\n",
        "        if by.person in approval.persons:\n",
        RULES,
    ),
    Bug(
        "one approval is enough where two are required",
        DECISIONS,
        "complete=adjustment.missing_approvals <= 1,",
        "complete=True,",
        HANDS,
    ),
    Bug(
        "an unapproved adjustment is executed",
        DECISIONS,
        '    _require_state(adjustment, APPROVED_STATES, "executed")\n',
        '    _require_state(adjustment, UNEXECUTED_STATES, "executed")\n',
        RULES,
    ),
    Bug(
        "an adjustment is executed twice",
        DECISIONS,
        '    _require_state(adjustment, APPROVED_STATES, "executed")\n',
        '    _require_state(adjustment, (*APPROVED_STATES, AdjustmentState.EXECUTING), "executed")\n',
        RULES,
    ),
    Bug(
        "an adjustment is reconciled before it is paid",
        DECISIONS,
        '    _require_state(adjustment, (AdjustmentState.EXECUTED,), "reconciled")\n',
        "",
        RULES,
    ),
    Bug(
        "a refund exceeds the payment",
        LIMITS,
        "        if one.amount.value > figures.left:\n",
        "        if one.amount.value > figures.captured:\n",
        HANDS,
    ),
    # Money and pieces.
    Bug(
        "a capture that two sources state counts twice",
        "domain/orders/captures.py",
        "        known = _find_by_id(found, statement) or find_match(found, statement) if found else None\n",
        "        known = _find_by_id(found, statement)\n",
        CAPTURES,
    ),
    Bug(
        "captures are matched in chains",
        "domain/orders/captures.py",
        "        and statement.event_time - one.at <= MATCH_WINDOW\n",
        "        and statement.event_time - one.statements[-1].event_time <= MATCH_WINDOW\n",
        CAPTURES,
    ),
    Bug(
        "a capture that failed afterwards still counts",
        "domain/orders/captures.py",
        "            one.has_failed = True\n",
        "            one.has_failed = False\n",
        CAPTURES,
    ),
    Bug(
        "a failed refund still counts as given back",
        "domain/orders/money_ledger.py",
        "    given_back = total(RefundState.ISSUED)\n",
        "    given_back = total(RefundState.ISSUED) + total(RefundState.FAILED)\n",
        "tests/domain/test_money_properties.py",
    ),
    Bug(
        "a requested refund counts as given back",
        "domain/orders/money_ledger.py",
        "        given_back=_sum(one.settled for one in refunds if one.state is RefundState.ISSUED),\n",
        "        given_back=_sum(one.settled for one in refunds if one.state is not "
        "RefundState.FAILED),\n",
        REFUNDS,
    ),
    Bug(
        "a disputed amount is left to give",
        "domain/adjustments/money_left.py",
        "max(self.captured - self.given_back - self.disputed - self.reserved, ZERO)",
        "max(self.captured - self.given_back - self.reserved, ZERO)",
        BY_LINE,
    ),
    Bug(
        "a told refund of a line does not count",
        "domain/adjustments/money_left.py",
        "self.money.line_refunds.get(line.id, (0, ZERO))",
        "(0, ZERO)",
        BY_LINE,
    ),
    Bug(
        "the last piece does not take the rest",
        "domain/orders/charges.py",
        "        return self.value(line, before + pieces) - self.value(line, before)\n",
        "        return self.value(line, pieces)\n",
        REFUNDS,
    ),
    Bug(
        "pieces of a cancelled line stay",
        GOODS,
        "        return self.line.quantity - self.cancelled\n",
        "        return self.line.quantity\n",
        PIECES,
    ),
    Bug(
        "a parcel without lines holds nothing",
        "domain/orders/packed_pieces.py",
        "            return max(kept - count_stated(line, self.counts), 0)\n",
        "            return 0\n",
        PIECES,
    ),
    Bug(
        "a parcel that is delivered after its return counts as delivered",
        "domain/orders/parcel.py",
        "    came = [at for at in arrivals if returning is None or at < returning]\n",
        "    came = arrivals\n",
        PIECES,
    ),
    Bug(
        "a retraction is ignored",
        "domain/orders/standing.py",
        "    if isinstance(signal, SignalRetracted):\n        return",
        "    if isinstance(signal, SignalRetracted) and not signal.of:\n        return",
        STATEMENTS,
    ),
    Bug(
        "of two replacements both count",
        "domain/orders/standing.py",
        "            fallen.update(earlier.key for earlier in replacing[:-1])\n",
        "",
        STATEMENTS,
    ),
    Bug(
        "what is left is not checked when a payment is ordered",
        DECISIONS,
        "    require_left_of_order(adjustment, left, require_matrix(rulebook))\n    if adjustment.kind in",
        "    if adjustment.kind in",
        BY_LINE,
    ),
    # At the moment of payment.
    Bug(
        "a proposer who turned out to be the approver is paid",
        EXECUTING,
        "        if names & others:\n",
        "        if False:\n",
        EXECUTION,
    ),
    Bug(
        "an approver's duty under another name is ignored when it is paid",
        EXECUTING,
        "        if conflict is not None:\n",
        "        if False:\n",
        EXECUTION,
    ),
    Bug(
        "an approval counts whose grant had ended",
        EXECUTING,
        "if not roles or (",
        "if (",
        EXECUTION,
    ),
    Bug(
        "an approval counts in a role that the person never had",
        EXECUTING,
        "(act.role is not None and Role(act.role) not in roles)",
        "False",
        EXECUTION,
    ),
    Bug(
        "names linked between the check and the payment are not seen",
        CURRENT,
        "        return [person_write(person, (), by) for person in self._known.deciding_names(names)]\n",
        "        return []\n",
        EXECUTION,
    ),
    Bug(
        "names linked while an approval is decided are not seen",
        "application/money/money_desk.py",
        "            if needs in (APPROVE, EXECUTE):\n",
        "            if needs is EXECUTE:\n",
        EXECUTION,
    ),
    Bug(
        "an approval counts whose grant is for another queue",
        EXECUTING,
        ".roles_over(act.needs, *scope)",
        ".roles",
        EXECUTION,
    ),
    Bug(
        "a role that was just revoked gives its limit",
        CURRENT,
        "            roles &= authority_of(person.at(by.now)).roles_over(*where)\n",
        "            pass\n",
        EXECUTION,
    ),
    Bug(
        "an opener who turns out to have a part does not stop the payment",
        CURRENT,
        "            require_uninvolved(over.all_duties(case), parties)\n",
        "            pass\n",
        INVOLVED,
    ),
    Bug(
        "one person asks for a break-glass and opens it under another name",
        DUTIES,
        "    for name in sorted(parties.askers & parties.openers):\n",
        "    for name in ():\n",
        INVOLVED,
    ),
    # Break-glass and the involved.
    Bug(
        "the proposer opens a break-glass for the approver",
        DUTIES,
        "    for names, since in ((parties.openers, None), (parties.askers, parties.asked_at)):\n",
        "    for names, since in ((parties.askers, parties.asked_at),):\n",
        INVOLVED,
    ),
    Bug(
        "a person with a part asks for a break-glass to use it there",
        DUTIES,
        "            if since is None or held.at <= since:\n",
        "            if since is None:\n",
        INVOLVED,
    ),
    Bug(
        "who opened a break-glass decides where it was used",
        ACTS,
        "                    require_not_opener(used.values(), by.names, duty)\n",
        "",
        INVOLVED,
    ),
    Bug(
        "another name of the opener is not known",
        "application/people/break_glass_parties.py",
        "        return known.known_as if known is not None else frozenset({name})\n",
        "        return frozenset({name})\n",
        INVOLVED,
    ),
    # Permissions and scopes.
    Bug(
        "a just revoked grant allows a payment",
        CURRENT,
        "            lambda now: now.covers(needs, case.queue, case.region, case.id),\n",
        "            lambda now: now is not None,\n",
        RULES,
    ),
    Bug(
        "accounts just linked to one human count as two",
        CURRENT,
        "known_as=tuple(names))",
        "known_as=by.known_as)",
        RULES,
    ),
    Bug(
        "a case out of scope is forbidden instead of not found",
        "application/people/scope.py",
        '        raise CaseNotFound(f"no case {case.id}").out_of_scope(Permission.READ_CASES)\n',
        '        raise PermissionError(f"no case {case.id}")\n',
        RULES,
    ),
    Bug(
        "the queues of a scope are ignored",
        AUTHORITY,
        "            (self.queues is None or queue in self.queues)\n",
        "            True\n",
        GRANTS,
    ),
    Bug(
        "lists show all queues",
        "infrastructure/reports/scope_sql.py",
        "    if scope.queues is not None:\n",
        "    if scope.queues == ():\n",
        LISTS,
    ),
    Bug(
        "an expired grant is accepted",
        PERSON,
        "if self.revoked_at is not None or (self.until is not None and now >= self.until):",
        "if self.revoked_at is not None:",
        DOOR,
    ),
    Bug(
        "a revoked grant is accepted",
        PERSON,
        "if self.revoked_at is not None or (self.until is not None and now >= self.until):",
        "if self.until is not None and now >= self.until:",
        DOOR,
    ),
    Bug(
        "break-glass allows payments",
        PERMISSIONS,
        "frozenset({_P.EXECUTE_ADJUSTMENTS, _P.RECONCILE_ADJUSTMENTS})",
        "frozenset()",
        GRANTS,
    ),
    Bug(
        "people can open their own break-glass",
        BREAK_GLASS,
        '    _require_different_person(by, openers, _all_names(askers), "opens the request of")\n',
        "",
        GLASS,
    ),
    Bug(
        "people can give roles to themselves",
        GRANTING,
        '    _require_different_person(person, by, "gives a role to")\n',
        "",
        GIVING,
    ),
    Bug(
        "an author can approve the policy",
        GOVERNING,
        '    require_not_author(policy, {*by.persons, *known_as}, "approve"',
        '    require_not_author(policy, (), "approve"',
        AUTHORS,
    ),
    Bug(
        "an author can approve the policy under another name",
        "application/policy/policy_desk.py",
        "decisions.approve(governance, policy, note, base, by.actor, by.now, names)",
        "decisions.approve(governance, policy, note, base, by.actor, by.now)",
        AUTHORS,
    ),
    # Authentication.
    Bug(
        "a revoked key is accepted",
        AUTHENTICATION,
        "        if key.is_revoked:\n",
        "        if False:\n",
        DOOR,
    ),
    Bug(
        "a person who left is accepted",
        AUTHENTICATION,
        "        if found.person.has_left:\n",
        "        if False:\n",
        DOOR,
    ),
    Bug(
        "any agent acts for any person",
        WHO,
        "            if actor.agent is not None and actor.person == person.name:\n"
        "                via = (*via, self._agent_of(actor.agent, person.name))\n",
        "            if actor.agent is not None:\n                via = (*via, actor.agent)\n",
        DOOR,
    ),
    Bug(
        "an agent still acts for its old owner",
        WHO,
        "        if self.agent(agent).person != person:\n",
        "        if self.agent(agent).person is None:\n",
        PRINCIPALS,
    ),
    Bug(
        "a delegation never ends",
        WHO,
        "            if until is not None and now < until:\n",
        "            if until is not None:\n",
        PRINCIPALS,
    ),
    Bug(
        "the audience is not checked",
        TOKENS,
        '    _require_audience(issuer.audience, claims.get("aud"))\n',
        "",
        DOOR,
    ),
    Bug(
        "any token type is accepted",
        TOKENS,
        "    if not isinstance(kind, str) or kind.lower() not in _TOKEN_TYPES:\n",
        "    if kind == 0:\n",
        DOOR,
    ),
    Bug(
        "a token is valid for hours after its end",
        TOKENS,
        "LEEWAY_SECONDS: Final = 60\n",
        "LEEWAY_SECONDS: Final = 7200\n",
        DOOR,
    ),
    Bug(
        "a token may be signed with a shared secret",
        TOKENS,
        'ALGORITHMS: Final = ("ES256",',
        'ALGORITHMS: Final = ("HS256", "ES256",',
        DOOR,
    ),
    Bug(
        "a key accepts any algorithm that the token names",
        TOKENS,
        "        if key is None or algorithm not in key.algorithms:\n",
        "        if key is None:\n",
        DOOR,
    ),
    # The log outside the database, and the stores.
    Bug(
        "the check of the whole log expects an answer with a refusal",
        "infrastructure/transparency/full_check.py",
        "_WITHOUT_ANSWER: Final = (AttemptRefused, ",
        "_WITHOUT_ANSWER: Final = (",
        "tests/api/test_whole_log_check.py",
    ),
    Bug(
        "only the file of the latest checkpoint is read",
        "infrastructure/transparency/outside_checkpoints.py",
        "        for size in reversed(self.sizes()):\n",
        "        for size in ():\n",
        "tests/infrastructure/test_every_signed_statement.py",
    ),
    Bug(
        "the acknowledged heads are not compared",
        "infrastructure/doctor/log.py",
        "        checkpoints = Checkpoints(read_only_signer(key), outside, heads=heads)\n",
        "        checkpoints = Checkpoints(read_only_signer(key), outside)\n",
        "tests/infrastructure/test_every_signed_statement.py",
    ),
    Bug(
        "lost keys go unnoticed",
        "infrastructure/event_store/pending_append.py",
        "    if require_keys is None or not keys:\n",
        "    if require_keys or not keys:\n",
        "tests/personal/test_lost_keys.py",
    ),
    Bug(
        "readiness does not try the stores",
        "infrastructure/readiness_probes.py",
        "            if time.monotonic() >= self._valid_until:\n",
        "            if time.monotonic() < self._valid_until:\n",
        "tests/api/test_readiness.py",
    ),
    Bug(
        "the timeline names every case of the order",
        "api/routes/orders.py",
        "    return not isinstance(line.event, ProblemDetected) or line.event.case in cases\n",
        "    return True\n",
        "tests/api/test_scope.py::test_the_timeline_of_an_order_names_no_case_out_of_scope",
    ),
    Bug(
        "failed authentications are not counted",
        "api/http/rate_limits.py",
        "            self._windows[name] = (began, count + 1)\n",
        "            self._windows[name] = (began, count)\n",
        "tests/api/test_failed_sign_ins.py",
    ),
)
