"""Plausible bugs in the rules that keep one person from changing a control alone."""

from __future__ import annotations

from tests.proofs.planted_bugs import AUTHORS, GOVERNING, Bug

LIMITS = "domain/policy/emergency_limits.py"
RULES = "domain/policy/governance_rules.py"
FOLD = "domain/policy/governance.py"
PERSONS = "application/policy/policy_persons.py"
ALONE = "tests/domain/test_policy_changes_by_one_person.py"
BY_PART = "tests/domain/test_emergency_limits.py"
FIRST = "tests/application/test_active_policy.py"

ROLES = "tests/application/test_roles_behind_a_policy.py"

POLICY_BUGS = (
    Bug(
        "a routing is repeated as of the beginning of the order",
        "domain/cases/reperformance.py",
        "on.rulebook, on.order, on.at)",
        "on.rulebook, on.order, on.order.began)",
        "tests/application/test_reperformance.py",
    ),
    Bug(
        "a policy is activated by the approval of a void role",
        GOVERNING,
        "    require_roles_held(policy, _DECISIVE, had_role)\n",
        "",
        ROLES,
    ),
    Bug(
        "the role of the author of a policy does not count",
        GOVERNING,
        '    ("policy.proposed", Permission.PROPOSE_POLICIES),\n',
        "",
        ROLES,
    ),
    Bug(
        "an emergency change of a void role is ratified",
        GOVERNING,
        "    require_roles_held(policy, _EMERGENCY, had_role)\n",
        "",
        ROLES,
    ),
    Bug(
        "a role that was given after the approval of a policy counts",
        PERSONS,
        "self.people.authority_at(name, line.position, act.at)",
        "self.people.authority_at(name, line.position + 1_000, act.at)",
        ROLES,
    ),
    Bug(
        "names that are linked during an activation do not count",
        "application/policy/policy_desk.py",
        "return self._append(governance, [event], by, unchanged)",
        "return self._append(governance, [event], by)",
        ROLES,
    ),
    Bug(
        "an emergency change may change anything",
        GOVERNING,
        '    require_changeable_alone(governed, document, by, now, own_queues, "the emergency change")\n',
        "",
        ALONE,
    ),
    Bug(
        "a rollback may change anything",
        GOVERNING,
        "    require_changeable_alone(governed, to.document, by, now, own_queues, what)\n",
        "",
        ALONE,
    ),
    Bug(
        "a section without a rule may change",
        LIMITS,
        "if check else [Fault(pointer, TWO_PEOPLE)]",
        "if check else []",
        BY_PART,
    ),
    Bug(
        "one more section may change",
        LIMITS,
        '"priorities", "calendars"})',
        '"priorities", "calendars", "resolving_requires"})',
        BY_PART,
    ),
    Bug(
        "automation may become laxer",
        LIMITS,
        "if STRICTNESS.index(new) < STRICTNESS.index(old):",
        "if STRICTNESS.index(new) > STRICTNESS.index(old):",
        BY_PART,
    ),
    Bug(
        "any field of a kind may change",
        LIMITS,
        "if field != except_for and not _is_same",
        "if field == except_for and not _is_same",
        BY_PART,
    ),
    Bug(
        "kinds and queues may be removed",
        LIMITS,
        "for name in {**before, **after}:",
        "for name in after:",
        BY_PART,
    ),
    Bug(
        "automation may pause in fewer cases",
        LIMITS,
        "_choices(before) <= _choices(after)",
        "_choices(before) >= _choices(after)",
        BY_PART,
    ),
    Bug(
        "automation may pause never",
        LIMITS,
        "return before is None or (after is not None and ",
        "return before is None or (after is None or ",
        BY_PART,
    ),
    Bug(
        "a route may name a new work type",
        LIMITS,
        "        if route.work_type not in known:\n",
        "        if False:\n",
        BY_PART,
    ),
    Bug(
        "an emergency change counts as approved by two",
        FOLD,
        "if a.starts_at <= at and not a.is_by_one_person]",
        "if a.starts_at <= at]",
        ALONE,
    ),
    Bug(
        "an emergency change that nobody ratified returns by a rollback",
        GOVERNING,
        "    if all(active.is_by_one_person for active in governed.reigns",
        "    if not all(True for active in governed.reigns",
        ALONE,
    ),
    Bug(
        "an emergency change is approved with another proposal",
        RULES,
        "    if active is not None and active.is_by_one_person:\n",
        "    if False:\n",
        ALONE,
    ),
    Bug(
        "an emergency change outlasts a scheduled policy",
        GOVERNING,
        "        latest, version = scheduled.starts_at, ",
        "        version = ",
        ALONE,
    ),
    Bug(
        "an emergency change cancels a scheduled policy",
        GOVERNING,
        "        keeps_scheduled=True,\n",
        "",
        ALONE,
    ),
    Bug(
        "a rollback cancels a scheduled policy",
        GOVERNING,
        '    require_nothing_scheduled(governed, now, f"version {to.version} returns")\n',
        "",
        ALONE,
    ),
    Bug(
        "a policy is activated without a simulation",
        GOVERNING,
        "    require_simulation(policy, in_force, now)\n",
        "",
        ALONE,
    ),
    Bug(
        "a simulation against another policy counts",
        RULES,
        "one.against == in_force.digest and ",
        "",
        ALONE,
    ),
    Bug("a simulation of an hour counts", RULES, "one.until - one.since >= days and ", "", ALONE),
    Bug("an old simulation counts", RULES, " and one.until >= now - days", "", ALONE),
    Bug(
        "an author and the approver may turn out to be one person",
        GOVERNING,
        "    require_two_persons(policy, names_of)\n",
        "",
        ALONE,
    ),
    Bug(
        "the other names of an approver are ignored",
        PERSONS,
        "return names.union(*(person.known_as for person in self.people.known_as(names)))",
        "return names",
        AUTHORS,
    ),
    Bug(
        "an author can ratify an emergency change under another name",
        "application/policy/policy_desk.py",
        "decisions.ratify(governance, policy, note, by.actor, by.now, names, had)",
        "decisions.ratify(governance, policy, note, by.actor, by.now)",
        AUTHORS,
    ),
    Bug(
        "a person without the role changes the policy in an emergency",
        "application/policy/policy_desk.py",
        "        self._persons.require_permission(by, Permission.ACTIVATE_POLICIES)\n        document,",
        "        document,",
        AUTHORS,
    ),
    Bug(
        "a person without the role rolls a policy back",
        "application/policy/policy_desk.py",
        "        self._persons.require_permission(by, Permission.ACTIVATE_POLICIES)\n        queues =",
        "        queues =",
        AUTHORS,
    ),
    Bug(
        "the grants of a person's other name are ignored",
        PERSONS,
        "for person in self.people.known_as(by.names) for grant",
        "for person in self.people.known_as(by.names)[:1] for grant",
        AUTHORS,
    ),
    Bug(
        "people may route cases into the scope of their grants",
        RULES,
        "    if own_queues and changes_routing(",
        "    if False and changes_routing(",
        ALONE,
    ),
    Bug(
        "a first policy is activated on a log that has one",
        "application/policy/policy_desk.py",
        "            if self._governance.version:  #",
        "            if False:  #",
        FIRST,
    ),
)
