"""Plausible bugs in the control of money over an order and over identities, and the tests that catch them."""

from __future__ import annotations

from tests.proofs.planted_bugs import ACTS, APPROVALS, DUTIES, EXECUTING, LEDGER, Bug

SUMS = "tests/application/test_sums_over_identities.py"
SPELLING = "tests/domain/test_identities.py"
VALUE = "tests/application/test_the_value_of_an_order.py"
OVER = "tests/application/test_duties_over_an_order.py"

ORDER_DUTIES = "application/people/order_duties.py"
IDENTITIES = "domain/adjustments/identities.py"
GIVEN = "application/money/given_money.py"
ORDER_VALUE = "domain/adjustments/order_value.py"
DESK = "application/money/money_desk.py"
TOLD = "domain/adjustments/told_refunds.py"
LEFT = "domain/adjustments/money_left.py"
DECISIONS = "domain/adjustments/decisions.py"
TOLD_LEDGERS = "application/money/told_refunds.py"
LATE = "tests/application/test_told_refunds.py"
ONE_REFUND = "tests/application/test_one_refund_answers_for_one_adjustment.py"
SCAN = "application/people/conflict_scan.py"

MONEY_BUGS = (
    # One duty over all cases of an order.
    Bug(
        "duties of other cases are not looked at",
        DUTIES,
        "    for other, held_there in ((None, duties), *elsewhere.items()):\n",
        "    for other, held_there in ((None, duties),):\n",
        OVER,
    ),
    Bug(
        "an order's rows are not written",
        ACTS,
        "    of_order = over.rows(case, proposed, taken) if proposed or over.ledger.version else []\n",
        "    of_order: list[DutyRow] = []\n",
        OVER,
    ),
    Bug(
        "the first proposal leaves out what people did in other cases",
        ORDER_DUTIES,
        "            first = first_duties(self.all_duties(case))\n",
        "            first = first_duties([case.duties])\n",
        OVER,
    ),
    Bug(
        "work on an order does not see its first proposal",
        ORDER_DUTIES,
        "        guards = [by.write(ledger, LEDGER, self.ledger.version, [], self.order)]\n",
        "        guards: list[Write] = []\n",
        OVER,
    ),
    Bug(
        "a decision does not see work on another case",
        ORDER_DUTIES,
        "            by.write(id, CASE, case.version, [], self.order) for id, case in self.others.items()\n",
        "            by.write(id, CASE, case.version, [], self.order) for id, case in ()\n",
        OVER,
    ),
    Bug(
        "who decided may open another case of the order",
        ACTS,
        "            require_no_duty_conflict({}, by.names, Duty.REVIEW, over.elsewhere)\n",
        "",
        OVER,
    ),
    Bug(
        "a case that was opened before its order was known is not found",
        DESK,
        "            over = self.duties.complete(known)\n",
        "            over = self.duties.of(known)\n",
        OVER,
    ),
    Bug(
        "at the payment, other cases are not looked at",
        EXECUTING,
        "        conflict = find_duty_conflict(duties, sorted(names), act.duty, elsewhere)\n",
        "        conflict = find_duty_conflict(duties, sorted(names), act.duty, {})\n",
        OVER,
    ),
    Bug(
        "a conflict over an order is not recorded",
        SCAN,
        "        of_orders = [one for one in suspects if isinstance(one[0][0].event, OrderEvent)]\n",
        "        of_orders = suspects[:0]\n",
        OVER,
    ),
    Bug(
        "who works on another case of the order asks for a break-glass",
        "application/people/break_glass_desk.py",
        "            require_no_duty(self._duties.complete(case).all_duties(case), names, what)\n",
        "            require_no_duty([case.duties], names, what)\n",
        OVER,
    ),
    # Everything given for an order is at most its value.
    Bug(
        "all that is given for an order has no limit",
        ORDER_VALUE,
        "        if known.total + amount > known.value + allowed:\n",
        "        if False:\n",
        VALUE,
    ),
    Bug(
        "only what systems told counts against the order's value",
        ORDER_VALUE,
        "    for one, told in left.ours:\n",
        "    for one, told in ():\n",
        VALUE,
    ),
    Bug(
        "refunds of other systems do not count against the order's value",
        ORDER_VALUE,
        "        return self.by_systems + self.requested + sum(self.by_us.values(), ZERO)\n",
        "        return self.requested + sum(self.by_us.values(), ZERO)\n",
        VALUE,
    ),
    Bug(
        "an order that nobody paid has no value to compare with",
        ORDER_VALUE,
        "(money.charge is None and not money.captured)",
        "not money.captured",
        VALUE,
    ),
    Bug(
        "goodwill beyond an order's value needs no approvers of its own",
        APPROVALS,
        "        goodwill = self.approvals.goodwill if sums.beyond_value else None\n",
        "        goodwill = None\n",
        VALUE,
    ),
    Bug(
        "beyond an order's value the roles of the band do not count",
        APPROVALS,
        "                roles=band.roles or goodwill.roles,\n",
        "                roles=goodwill.roles or band.roles,\n",
        VALUE,
    ),
    Bug(
        "beyond an order's value the roles of goodwill do not count beside those of the band",
        APPROVALS,
        "        if required.beyond_roles and not set(required.beyond_roles).intersection(roles):\n",
        "        if False:\n",
        VALUE,
    ),
    Bug(
        "policy alone gives goodwill beyond an order's value",
        APPROVALS,
        "        and not (band.by_policy and sums.beyond_value)\n",
        "",
        VALUE,
    ),
    Bug(
        "of two limits of goodwill the larger counts",
        APPROVALS,
        "        return min(limits)\n",
        "        return max(limits)\n",
        VALUE,
    ),
    # What an order was given counts for a customer who is told later.
    Bug(
        "our adjustments do not count for an identity that is told later",
        TOLD_LEDGERS,
        "                if is_new:\n",
        "                if False:\n",
        LATE,
    ),
    Bug(
        "a ledger of an order that is not in memory is empty",
        TOLD_LEDGERS,
        "        if again:\n",
        "        if False:\n",
        LATE,
    ),
    Bug(
        "an identity that is told does not see a proposal of the same moment",
        TOLD_LEDGERS,
        "                yield _write(stream, ledger.version, [], recorded_at, after.id)\n",
        "                _write(stream, ledger.version, [], recorded_at, after.id)\n",
        LATE,
    ),
    Bug(
        "what is entered late counts from then on",
        "domain/adjustments/ledger.py",
        "event.proposed_at or at",
        "at",
        LATE,
    ),
    Bug(
        "question 16 leaves out what was entered late",
        "application/audit/splits.py",
        "            finder.enter_late(*entered)\n",
        "            pass\n",
        LATE,
    ),
    Bug(
        "a fingerprint of a card is no identity that is told later",
        "domain/adjustments/identities.py",
        '("customer", "ship_to", "instrument")',
        '("customer", "ship_to")',
        LATE,
    ),
    # One told refund answers for at most one adjustment.
    Bug(
        "a reference is used for several adjustments",
        DECISIONS,
        "    if request.reference in left.references:\n",
        "    if False:\n",
        ONE_REFUND,
    ),
    Bug(
        "a refund that is dated ahead does not count yet",
        LEFT,
        "    order = _with_what_is_given_ahead(order)\n",
        "",
        "tests/application/test_the_value_of_an_order.py::test_a_refund_that_is_dated_ahead_of_our_clock_counts_at_once",
    ),
    Bug(
        "the id of a told refund is a reference",
        LEFT,
        "    references |= {refund.id for refund in money.refunds}\n",
        "",
        ONE_REFUND,
    ),
    Bug(
        "one told refund answers for several adjustments",
        TOLD,
        "            free.remove(told)\n",
        "            pass\n",
        ONE_REFUND,
    ),
    Bug(
        "a reference that a person typed says that a refund was ours",
        TOLD,
        "    return one.kind in PROVIDER_PAID_KINDS and refund.id == one.reference\n",
        "    return refund.id == one.reference\n",
        ONE_REFUND,
    ),
    Bug(
        "store credit hides a refund that is told under its reference",
        TOLD,
        "    free = [one for one in money.refunds if not _is_of_others_too(one, order)]\n",
        "    free = [*money.refunds]\n",
        ONE_REFUND,
    ),
    Bug(
        "a smaller amount that another system tells replaces what we paid",
        LEFT,
        "    return max(own - told, ZERO)\n",
        "    return ZERO if told else own\n",
        ONE_REFUND,
    ),
    Bug(
        "a refund that is told of another payment makes room in ours",
        LEFT,
        "                is_told = told is not None and told.payment == payment.id\n",
        "                is_told = told is not None\n",
        ONE_REFUND,
    ),
    Bug(
        "any system takes back what our provider paid",
        TOLD,
        "        isinstance(said, RefundFailed) and said.source == one.provider\n",
        "        isinstance(said, RefundFailed)\n",
        ONE_REFUND,
    ),
    Bug(
        "references of another order hide refunds from a customer's sum",
        GIVEN,
        "        found.setdefault(case.order, []).extend(case.adjustments.items)\n",
        "        found.setdefault('o-1', []).extend(case.adjustments.items)\n",
        ONE_REFUND,
    ),
    # Sums run over what identifies a customer, and over the proposer.
    Bug(
        "sums over identities lift no band",
        APPROVALS,
        "        return max(self.of_order, self.of_customer or self.of_order, *sums)\n",
        "        return max(self.of_order, self.of_customer or self.of_order)\n",
        SUMS,
    ),
    Bug(
        "a guest has no identity",
        GIVEN,
        "        for kind, value in find_identities(order.stated):\n",
        "        for kind, value in ():\n",
        SUMS,
    ),
    Bug(
        "the case of an id is another customer",
        IDENTITIES,
        'unicodedata.normalize("NFKC", text).casefold()',
        'unicodedata.normalize("NFKC", text)',
        SPELLING,
    ),
    Bug(
        "a tag makes another email",
        IDENTITIES,
        '    local = local.partition("+")[0] or local\n',
        "",
        SPELLING,
    ),
    Bug(
        "a prefix makes another phone",
        IDENTITIES,
        "    return digits[-_PHONE_DIGITS:] if",
        "    return digits if",
        SPELLING,
    ),
    Bug(
        "the order of words makes another address",
        IDENTITIES,
        "    words = sorted(_long(word) for word in _words(_text(address.street_address)))\n",
        "    words = [_long(word) for word in _words(_text(address.street_address))]\n",
        SPELLING,
    ),
    Bug(
        "all erased customers are one",
        IDENTITIES,
        '    return "" if value is None or value in (SEALED, ERASED) else value\n',
        '    return value or ""\n',
        SPELLING,
    ),
    Bug(
        "a proposal is not entered for identities",
        DESK,
        "    for stream, (kind, version) in given.streams.items():\n",
        "    for stream, (kind, version) in [*given.streams.items()][:2]:\n",
        SUMS,
    ),
    Bug(
        "an identity that policy leaves out counts",
        LEDGER,
        "        if kind in matrix.approvals.sums_over and found.orders and is_larger:\n",
        "        if found.orders and is_larger:\n",
        SUMS,
    ),
    Bug(
        "policy approves any amount for one proposer",
        APPROVALS,
        '        is_within, name = sums.of_proposer <= limit, "adjustment.of_proposer"\n',
        '        is_within, name = True, "adjustment.of_proposer"\n',
        SUMS,
    ),
    Bug(
        "what policy approves is not entered for the proposer",
        DESK,
        "        for name, version in given.of_proposer.items():\n",
        "        for name, version in ():\n",
        SUMS,
    ),
    Bug(
        "refunds of other systems are not entered for identities",
        "application/money/told_refunds.py",
        "        for kind, value in find_identities(order.stated):\n",
        "        for kind, value in ():\n",
        SUMS,
    ),
    Bug(
        "question 16 does not look at identities",
        "application/audit/splits.py",
        "                if of is not SplitScope.PROPOSER:\n",
        "                if of is SplitScope.CUSTOMER:\n",
        SUMS,
    ),
    Bug(
        "eleven edits of an order hide whom it was placed by",
        "domain/adjustments/identities.py",
        "    return [*dict.fromkeys([*first, *reversed(newest)])]\n",
        "    return [*reversed(newest)]\n",
        "tests/domain/test_identities.py",
    ),
    Bug(
        "question 16 names a customer by whichever ledger sorts first",
        "application/audit/splits.py",
        "            groups.sort(key=lambda group: group.key not in self._logged)\n",
        "",
        "tests/application/test_sums_over_identities.py::test_question_16_names_a_customer_by_the_ledger_in_the_log",
    ),
)
