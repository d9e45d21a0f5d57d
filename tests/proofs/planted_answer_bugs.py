"""Plausible bugs in the answers to auditors: an answer that says more than was checked, or hides a unit."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

PEOPLE_AND_MONEY = "tests/audit/test_golden_answers_on_people_and_money.py"
NOT_CLEAN = f"{PEOPLE_AND_MONEY}::test_a_period_without_events_is_not_called_clean"
UNDERSTOOD = f"{PEOPLE_AND_MONEY}::test_the_answer_is_understood_without_help"
WORDS = "api/routes/questions/words.py"

ANSWER_BUGS = (
    Bug(
        "controls without anything to control are said to operate",
        "application/audit/control_operation.py",
        "ControlOutcome.NO not in found and ControlOutcome.YES in in_period",
        "ControlOutcome.NO not in found and ControlOutcome.YES in found",
        NOT_CLEAN,
    ),
    Bug(
        "people who left after the period count as gone in it",
        "application/audit/acts_after_leaving.py",
        "if until is None or x.at < until]",
        "]",
        NOT_CLEAN,
    ),
    Bug(
        "without a statement, payments are said to agree with it",
        "api/routes/questions/wording/payments.py",
        "        if found.by_providers\n",
        "        if True\n",
        NOT_CLEAN,
    ),
    Bug(
        "an amount is printed without its currency",
        WORDS,
        """    return f"{value:.{places}f} {currency or 'in an unknown currency'}\"""",
        """    return f"{value:.{places}f}\"""",
        UNDERSTOOD,
    ),
    Bug(
        "a time is printed without its zone",
        WORDS,
        ":%Y-%m-%d %H:%M:%S}Z",
        ":%Y-%m-%d %H:%M:%S}",
        UNDERSTOOD,
    ),
)
