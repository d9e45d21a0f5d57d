"""The comparison of a provider's statement with the log covers every line and every adjustment."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.adjustments.adjustment import PAID_STATES, Adjustment
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.events import ApprovalRequirement
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.adjustments.provider_statement import (
    RefundStatus,
    StatementEntry,
    StatementLine,
    UnreadableLine,
    statement_digest,
)
from domain.adjustments.reconciliation import CaseAdjustment, Comparison, compare_statement
from domain.money import Money
from tests.domain.signals import BOUNDED_SETTINGS, NOON, after

CASE = UUID(int=99)
SINCE, UNTIL = after(0), after(24)


def paid(number: int, amount: str = "10.00", state: State = State.EXECUTED) -> Adjustment:
    one = UUID(int=number)
    return Adjustment(
        id=one,
        kind=AdjustmentKind.REFUND,
        amount=Money(amount, "EUR"),
        reason=AdjustmentReason.DAMAGED,
        lines=(),
        evidence=(),
        payment="p",
        note="",
        packet="",
        digest="",
        requirement=ApprovalRequirement(
            policy="4",
            policy_digest="",
            rule="one-approver",
            approvers=1,
            counted=amount,
            currency="EUR",
            of_order=amount,
        ),
        state=state,
        proposed_by=("ana",),
        proposed_at=NOON,
        lapses_at=NOON,
        provider="local",
        reference=f"re_{number}" if state in PAID_STATES else None,
    )


def line(number: int | None, amount: str = "10.00", at: float = 1, **more: object) -> StatementLine:
    template = StatementLine(
        reference=f"re_{number}",
        key=str(UUID(int=number)) if number is not None else None,
        payment="p",
        amount=Money(amount, "EUR"),
        status=RefundStatus.SUCCEEDED,
        created_at=after(at),
    )
    return structs.replace(template, **more)


def compared(adjustments: list[Adjustment], *lines: StatementEntry) -> Comparison:
    ours = {str(one.id): CaseAdjustment(CASE, one) for one in adjustments}
    expected = [key for key, one in ours.items() if one.adjustment.state in PAID_STATES]
    return compare_statement("local", lines, ours, expected, SINCE, UNTIL)


def kinds(found: Comparison) -> list[str]:
    return [one.kind.value for one in found.discrepancies]


def test_equal_amounts_match_in_every_notation() -> None:
    found = compared([paid(1), paid(2, state=State.RECONCILED)], line(1, "10.0"), line(2))
    assert [one.adjustment.id.int for one in found.matched] == [1, 2]
    assert found.discrepancies == ()
    (sums,) = found.sums
    assert (sums.here, sums.there, sums.matched) == ("20.00", "20.00", "20.00")


@pytest.mark.parametrize(
    ("adjustments", "lines", "kind"),
    [
        ([], [line(1)], "unknown_here"),
        ([], [line(None)], "unknown_here"),
        ([paid(1)], [], "missing_there"),
        ([paid(1)], [line(1, "10.01")], "amount_differs"),
        ([paid(1)], [structs.replace(line(1), amount=Money("10.00", "USD"))], "amount_differs"),
        ([structs.replace(paid(1), given=Money("9.00", "EUR"))], [line(1)], "amount_differs"),
        ([paid(1)], [line(1, reference="re_other")], "reference_differs"),
        ([paid(1)], [line(1), line(1, reference="re_again")], "given_twice"),
        ([paid(1, state=State.EXECUTING)], [line(1)], "still_executing"),
        ([paid(1, state=State.FAILED)], [line(1)], "not_executed_here"),
        ([paid(1, state=State.APPROVED)], [line(1)], "not_executed_here"),
        (
            [structs.replace(paid(1, state=State.EXECUTED), provider="stripe")],
            [line(1)],
            "not_executed_here",
        ),
        ([paid(1)], [line(1, status=RefundStatus.PENDING)], "pending_there"),
        ([paid(1)], [line(1, status=RefundStatus.FAILED)], "failed_there"),
    ],
)
def test_each_difference_is_named(
    adjustments: list[Adjustment], lines: list[StatementLine], kind: str
) -> None:
    found = compared(adjustments, *lines)
    assert kinds(found) == [kind]
    assert found.matched == ()


def test_a_line_outside_the_period_is_matched_but_not_required() -> None:
    before = compared([paid(1)], line(1, at=-2), line(7, at=-2))
    assert (len(before.matched), kinds(before), before.lines) == (1, [], 0)


def test_a_refund_that_failed_on_both_sides_is_no_difference() -> None:
    failed = line(1, status=RefundStatus.FAILED)
    assert kinds(compared([paid(1, state=State.FAILED)], failed)) == []
    assert kinds(compared([], failed)) == []


def test_a_failed_attempt_beside_a_successful_one_is_no_difference() -> None:
    found = compared([paid(1)], line(1, reference="re_0", status=RefundStatus.FAILED), line(1))
    assert (len(found.matched), kinds(found)) == (1, [])


states = st.sampled_from([State.EXECUTED, State.RECONCILED, State.EXECUTING, State.FAILED])
books = st.dictionaries(st.integers(1, 8), st.tuples(states, st.sampled_from(["5.00", "10.00"])))
statement_lines = st.lists(
    st.builds(
        line,
        st.one_of(st.none(), st.integers(1, 12)),
        st.sampled_from(["5.00", "10.00"]),
        st.sampled_from([-1.0, 1.0, 23.0, 25.0]),
        status=st.sampled_from([*RefundStatus]),
    ),
    max_size=12,
)


@BOUNDED_SETTINGS
@given(books, statement_lines)
def test_every_line_and_every_payment_is_matched_or_listed(
    book: dict[int, tuple[State, str]], lines: list[StatementLine]
) -> None:
    adjustments = [paid(n, amount, state) for n, (state, amount) in book.items()]
    found = compared(adjustments, *lines)
    about = {one.key for one in found.discrepancies} - {None}
    matched = {str(one.adjustment.id) for one in found.matched}
    assert matched.isdisjoint(about)
    for one in adjustments:
        if one.state in PAID_STATES:
            assert str(one.id) in matched | about
    for statement_line in lines:
        within = SINCE <= statement_line.created_at <= UNTIL
        if within and statement_line.status is not RefundStatus.FAILED:
            named = {ref for one in found.discrepancies for ref in one.references}
            assert statement_line.key in matched or statement_line.reference in named
    by_id = {str(one.id): one for one in adjustments}
    for key in matched:
        standing = [o for o in lines if o.key == key and o.status is not RefundStatus.FAILED]
        assert [o.amount for o in standing] == [by_id[key].amount]
        assert by_id[key].state in PAID_STATES


@BOUNDED_SETTINGS
@given(books, statement_lines, st.randoms())
def test_the_order_of_the_lines_changes_nothing(
    book: dict[int, tuple[State, str]], lines: list[StatementLine], chance: object
) -> None:
    adjustments = [paid(n, amount, state) for n, (state, amount) in book.items()]
    shuffled = [*lines]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = compared(adjustments, *lines), compared(adjustments, *shuffled)
    assert one.matched == other.matched
    assert sorted(kinds(one)) == sorted(kinds(other))
    assert {s.currency for s in one.sums} == {s.currency for s in other.sums}


def test_the_digest_changes_with_every_line() -> None:
    one = line(1)
    assert statement_digest([one]) == statement_digest([one])
    later = structs.replace(one, created_at=one.created_at + timedelta(milliseconds=1))
    digests = {statement_digest(lines) for lines in ([], [one], [one, one], [later], [line(2)])}
    assert len(digests) == 5


def odd(key: int | None, at: float | None = 1) -> UnreadableLine:
    return UnreadableLine(
        number=7,
        detail="XYZ is not a currency of ISO 4217",
        reference="re_x",
        key=str(UUID(int=key)) if key is not None else None,
        created_at=after(at) if at is not None else None,
    )


def test_an_unreadable_line_is_a_discrepancy_and_the_others_are_compared() -> None:
    found = compared([paid(1), paid(2, "5.00")], line(1), odd(None), line(2, "4.99"))
    assert kinds(found) == ["amount_differs", "unreadable_line"]
    assert [one.adjustment.id for one in found.matched] == [UUID(int=1)]
    (unreadable,) = [one for one in found.discrepancies if one.kind.value == "unreadable_line"]
    assert (unreadable.line, unreadable.references) == (7, ("re_x",))
    assert unreadable.detail == "line 7 cannot be read: XYZ is not a currency of ISO 4217"
    assert found.lines == 2


def test_an_adjustment_on_an_unreadable_line_is_neither_missing_nor_matched() -> None:
    found = compared([paid(1)], odd(1))
    assert kinds(found) == ["unreadable_line"]
    assert (found.discrepancies[0].key, found.discrepancies[0].case) == (str(UUID(int=1)), CASE)
    again = compared([paid(1)], line(1), odd(1))
    assert (kinds(again), again.matched) == (["unreadable_line"], ())


def test_a_missing_payment_is_not_said_to_be_off_a_statement_that_was_not_read_whole() -> None:
    found = compared([paid(1)], odd(None), odd(None, None))
    assert kinds(found) == ["missing_there", "unreadable_line", "unreadable_line"]
    assert "is not on the lines that could be read; 2 could not" in found.discrepancies[0].detail


def test_an_unreadable_line_of_another_period_is_left_out() -> None:
    assert kinds(compared([], odd(None, 30), odd(None, -1))) == []


def test_the_digest_covers_unreadable_lines() -> None:
    assert statement_digest([line(1), odd(2)]) != statement_digest([line(1)])
