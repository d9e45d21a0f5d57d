"""What comes after the case's trail was read, and before the payment is decided."""

import pytest

from application.cases.case_commands import CaseCommands
from domain.adjustments.adjustment import AdjustmentState as State
from tests.application.test_execution_checks import Payment


def test_an_approval_that_came_after_the_trail_was_read_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment = Payment()
    payment.approve("fay")
    read, older = CaseCommands.case_and_trail, iter([True])

    def before_the_approval(*args: object) -> object:
        case, trail = read(*args)  # type: ignore[arg-type]
        if next(older, False):
            types = [line.type for line in trail]
            return case, trail[: types.index("case.adjustment_approved")]
        return case, trail

    monkeypatch.setattr(CaseCommands, "case_and_trail", before_the_approval)
    assert payment.execute().state is State.EXECUTING
    assert not next(older, False)
