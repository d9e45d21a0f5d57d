"""Questions about parts, comparisons of two facts, and amounts in a currency: each form, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.orders.parts import LinePart, ParcelPart, PartKind, PaymentPart, RefundPart
from domain.policy.amounts import Amount, Rates, parse_amount
from domain.policy.decision import Verdict
from domain.policy.differences import describe_value
from domain.policy.document import Bucket, Severity
from domain.policy.facts import OWN_FACTS, CaseFacts
from domain.policy.reader import read_policy
from tests.domain.parts import compiled, order_of, passes
from tests.domain.policies import shipped
from tests.domain.signals import BOUNDED_SETTINGS, captured, line, placed

RATES = Rates("EUR", {"USD": Decimal("0.5"), "BRL": Decimal("0.2")})
LOST = {"fact": "part.lost_open", "is": True}
THREE = order_of(
    parcel=[ParcelPart("P1", lost_open=True), ParcelPart("P2", lost_open=False), ParcelPart("P3")],
    line=[LinePart("a", ordered=2), LinePart("b", ordered=3)],
)


def paid(*amounts: str | None) -> list[PaymentPart]:
    """Payments of amounts such as `10 EUR`; `10` has no currency, and None is unknown."""
    told = [parse_amount(one) if one is not None else Amount(Decimal("NaN")) for one in amounts]
    return [
        PaymentPart(f"p{n}", captured=None if one is None else to.value, currency=to.currency)
        for n, (one, to) in enumerate(zip(amounts, told, strict=True))
    ]


def verdict(plain: dict[str, Any], facts: Any, rates: Rates = RATES) -> Verdict:
    (one,) = compiled(plain, rates=rates).explain(facts)
    return one


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"any": "parcel", "where": LOST}, ("any(parcel where part.lost_open is true)", "is true", True)),
        ({"every": "parcel", "where": LOST}, ("every(parcel where part.lost_open is true)", "is true", False)),
        ({"every": "refund", "where": {"fact": "part.id", "known": True}}, ("every(refund where part.id is known)", "is true", False)),
        ({"any": "refund", "where": {"fact": "part.id", "known": True}}, ("any(refund where part.id is known)", "is true", False)),
        ({"count": "parcel", "at_least": 3}, ("count(parcel)", "at_least 3", 3)),
        ({"count": "parcel", "where": LOST, "at_least": 1}, ("count(parcel where part.lost_open is true)", "at_least 1", 1)),
        ({"count": "parcel", "where": {"not": LOST}, "one_of": [2, 4]}, ("count(parcel where not part.lost_open is true)", "one_of 2, 4", 2)),
        ({"sum": "line.ordered", "above": 4}, ("sum(line.ordered)", "above 4", 5)),
        ({"sum": "line.ordered", "where": {"fact": "part.id", "one_of": ["b", "c"]}, "is": 3}, ("sum(line.ordered where part.id is one of b, c)", "is 3", 3)),
        ({"sum": "payment.captured", "is": "0"}, ("sum(payment.captured)", "is 0", "0")),
    ],
)  # fmt: skip
def test_a_question_about_parts_is_one_verdict(condition, expected) -> None:
    fact, test, read = expected
    passed = read is not False
    assert verdict(condition, THREE) == Verdict(fact, test, read, passed)
    assert passes(condition, THREE) is passed
    assert passes({"not": condition}, THREE) is not passed


def test_a_question_inside_a_where_reads_its_own_part() -> None:
    same = {"any": "refund", "where": {"fact": "part.id", "is": "P2"}}
    facts = order_of(parcel=THREE.parts.parcel, refund=[RefundPart("P2")])
    both = {"all": [LOST, same]}
    assert verdict({"count": "parcel", "where": both, "is": 1}, facts).fact == (
        "count(parcel where (part.lost_open is true and any(refund where part.id is P2)))"
    )
    assert passes({"count": "parcel", "where": both, "is": 1}, facts)
    assert passes({"count": "parcel", "where": same, "is": 3}, facts)


SUMS = [
    (["10 EUR", "5 EUR"], "above", "14.99 EUR", "15 EUR", True),
    (["10 EUR", "5 EUR"], "above", "15 EUR", "15 EUR", False),
    (["10 USD", "10 USD"], "is", "10 EUR", "20 USD", True),
    (["10 EUR", "10 USD"], "is", "15 EUR", "15.0 EUR", True),
    (["10 EUR", "10 USD"], "is", "30 USD", "15.0 EUR", True),
    (["10 EUR", "10 USD"], "is", "15", "15.0", True),
    (["10 USD", "10 USD"], "is", "20", "20", True),
    (["10 EUR", "10 CHF"], "at_least", "0 EUR", None, False),
    (["10 CHF"], "at_least", "0 EUR", "10 CHF", False),
    (["10 CHF", "1 CHF"], "is", "11", "11", True),
    (["10 EUR", None], "at_least", "0 EUR", None, False),
    (["10 EUR", "5"], "at_least", "0 EUR", None, False),
    (["10 EUR", "0 CHF"], "is", "10 EUR", None, False),
    (["0 EUR", "0 CHF"], "is", "0 EUR", None, False),
    (["10 EUR", "0"], "is", "10 EUR", "10 EUR", True),
    (["0"], "below", "1 EUR", "0", True),
    ([], "below", "1 EUR", "0", True),
    ([], "above", "0 EUR", "0", False),
]


@pytest.mark.parametrize(("amounts", "test", "constant", "read", "passed"), SUMS)
def test_a_sum_adds_amounts_that_can_be_converted(amounts, test, constant, read, passed) -> None:
    facts = order_of(payment=paid(*amounts))
    found = verdict({"sum": "payment.captured", test: constant}, facts)
    assert found == Verdict("sum(payment.captured)", f"{test} {constant}", read, passed)


def test_a_sum_is_compared_with_a_fact_of_the_order() -> None:
    condition = {"sum": "payment.captured", "at_least": {"fact": "charge.total"}}
    placing = placed(0, lines=(line(price="20.00", freight=None),))
    for amounts, covered in ((["15 BRL", "5 BRL"], True), (["8 EUR"], True), (["7 USD"], False)):
        facts = order_of([placing], payment=paid(*amounts))
        assert facts.charge.total == 20
        assert passes(condition, facts, RATES) is covered
    assert verdict(condition, facts).test == "at_least charge.total (20.00)"
    assert not passes(condition, order_of(payment=paid("15 BRL")), RATES)


def test_an_amount_with_a_currency_is_converted_and_shown_with_its_own() -> None:
    facts = order_of([placed(0, lines=(line(price="100.00", freight=None),))])
    above = {"fact": "charge.total", "at_least": "20 EUR"}
    assert verdict(above, facts) == Verdict("charge.total", "at_least 20 EUR", "100.00 BRL", True)
    assert not passes({"fact": "charge.total", "above": "20 EUR"}, facts, RATES)
    assert passes({"fact": "charge.total", "is": "40 USD"}, facts, RATES)
    assert passes({"fact": "charge.total", "above": "99 BRL"}, facts, Rates())
    assert not passes({"fact": "charge.total", "above": "1 EUR"}, facts, Rates())
    assert not passes({"fact": "charge.total", "above": "1 EUR"}, facts, Rates("EUR"))
    assert passes({"fact": "charge.total", "is": "100"}, facts, Rates())
    nothing = order_of()
    assert verdict({"fact": "charge.total", "below": "1 EUR"}, nothing) == Verdict(
        "charge.total", "below 1 EUR", None, False
    )


@pytest.mark.parametrize(
    ("test", "passed"),
    [("is", False), ("above", False), ("at_least", False), ("below", True), ("at_most", True)],
)
def test_two_facts_are_compared(test, passed) -> None:
    early = order_of([placed(0), captured(1)])
    plain = {"fact": "milestones.placed_at", test: {"fact": "milestones.paid_at"}}
    assert passes(plain, early) is passed
    assert verdict(plain, early) == Verdict(
        "milestones.placed_at",
        f"{test} milestones.paid_at (2018-01-10T13:00:00Z)",
        "2018-01-10T12:00:00Z",
        passed,
    )
    for unknown in (order_of([placed(0)]), order_of([captured(1)]), order_of()):
        assert not passes(plain, unknown)
    assert verdict(plain, order_of()).test == f"{test} milestones.paid_at (unknown)"


def test_amounts_of_two_facts_are_compared_in_one_currency() -> None:
    facts = order_of(
        [placed(0, lines=(line(price="100.00", freight=None),))], payment=paid("30 EUR")
    )
    more = {"any": "payment", "where": {"fact": "part.captured", "above": {"fact": "charge.total"}}}
    assert passes(more, facts, RATES)
    assert not passes(more, facts)
    less = {"fact": "part.left", "below": {"fact": "part.captured"}}
    payment = PaymentPart("p", captured=Decimal(2), left=Decimal(1))
    assert passes({"any": "payment", "where": less}, order_of(payment=[payment]))


def test_the_value_of_a_personal_fact_is_in_no_test() -> None:
    facts = order_of([placed(0)])
    found = verdict({"fact": "customer.tier", "is": {"fact": "customer.id"}}, facts)
    assert found.test == "is customer.id"


PARCEL_FACTS = ", ".join(sorted(OWN_FACTS[PartKind.PARCEL]))
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"any": "parcel"}, "/where", "missing: give the condition that any parcel is to fit"),
    ({"every": "line"}, "/where", "missing: give the condition that every line is to fit"),
    ({"any": "parcel", "where": LOST, "is": True}, "/is", "any(parcel where part.lost_open is true) is always true or false: remove it"),
    ({"every": "parcel", "where": LOST, "known": True}, "/known", "is always true or false: remove it"),
    ({"count": "parcel"}, "", "give exactly one test of count(parcel); given: none"),
    ({"count": "parcel", "above": 1, "below": 3}, "", "given: above, below"),
    ({"count": "parcel", "known": True}, "/known", "count(parcel) is always known: remove it"),
    ({"count": "parcel", "above": "1"}, "/above", "'1' is not a value of count(parcel), which is a whole number"),
    ({"count": "parcel", "above": True}, "/above", "True is not a value of count(parcel)"),
    ({"count": "parcel", "any": "line", "where": LOST}, "", "exactly one of all, any, not, fact, every, count, sum; given: any and count"),
    ({"count": "parcel", "where": {"fact": "part.lots", "is": True}, "above": 1}, "/where/fact", f"there is no parcel fact part.lots; known are: {PARCEL_FACTS}"),
    ({"count": "parcel", "where": {"fact": "part.lost_open", "is": "x"}, "above": 1}, "/where/is", "'x' is not a value of part.lost_open"),
    ({"count": "parcel", "where": {"all": [LOST, {}]}, "above": 1}, "/where/all/1", "given: none"),
    ({"any": "line", "where": {"any": "parcel", "where": {"fact": "part.value", "known": True}}}, "/where/where/fact", "there is no parcel fact part.value"),
    ({"fact": "order.placed", "is": True, "where": LOST}, "/where", "needs the parts that it chooses from: add any, every, count or sum"),
    ({"not": {"fact": "order.placed", "is": True}, "where": LOST}, "/where", "add any, every, count or sum"),
    (LOST, "/fact", "part.lost_open: only a rule with `each` and a `where` can read facts of a part"),
    ({"sum": "parcl.lost", "above": 1}, "/sum", "there is no kind of part parcl; known are: charge, dispute, line"),
    ({"sum": "payment.captred", "above": "1"}, "/sum", "there is no payment fact payment.captred; known are: payment."),
    ({"sum": "parcel.lost_open", "above": 1}, "/sum", "parcel.lost_open is true or false: name an amount or a whole number"),
    ({"sum": "payment.captured"}, "", "give exactly one test of sum(payment.captured); given: none"),
    ({"sum": "payment.captured", "above": "1 CHF"}, "/above", "there is no rate for CHF: add it to `approvals.rates`, or use one of BRL, EUR, USD"),
    ({"sum": "line.ordered", "above": "1 EUR"}, "/above", "'1 EUR' is not a value of sum(line.ordered), which is a whole number"),
    ({"fact": "charge.total", "above": "1 CHF"}, "/above", "there is no rate for CHF"),
    ({"fact": "charge.total", "above": "1 XXQ"}, "/above", "; XXQ is not a currency code of ISO 4217"),
    ({"fact": "charge.total", "above": "1 eur"}, "/above", "'1 eur' is not a value of charge.total"),
    ({"fact": "charge.total", "one_of": ["1 EUR"]}, "/one_of/0", "name a currency in is, above, at_least"),
    ({"fact": "charge.below_usual_percent", "above": "20 EUR"}, "/above", 'charge.below_usual_percent is not in a currency: write "20"'),
    ({"fact": "charge.total", "above": {"fact": "charge.below_usual_percent"}}, "/above/fact", "charge.below_usual_percent is not in a currency, and charge.total is"),
    ({"fact": "charge.total", "above": {"fact": "milestones.paid_at"}}, "/above/fact", "compare facts of one type"),
    ({"fact": "promise.delivery_date", "above": {"fact": "milestones.paid_at"}}, "/above/fact", "compare facts of one type"),
    ({"fact": "charge.total", "above": {"fact": "charge.totl"}}, "/above/fact", "there is no fact charge.totl; known are: charge.below_usual_percent, charge.currency, charge.total"),
    ({"fact": "charge.total", "above": {"fact": "part.captured"}}, "/above/fact", "part.captured: only a rule with `each`"),
    ({"fact": "order.placed", "above": {"fact": "order.cancelled"}}, "/above", "has no order: use is or one_of"),
    ({"fact": "customer.tier", "below": {"fact": "customer.id"}}, "/below", "has no order: use is or one_of"),
]  # fmt: skip
FORM: list[tuple[dict[str, Any], str, str]] = [
    ({"count": "box", "above": 1}, "/count", "'box' is not one of: line, charge, parcel"),
    ({"any": "box", "where": LOST}, "/any", "box"),
    ({"any": 3}, "/any", "3"),
    ({"sum": "captured", "above": 1}, "/sum", "a fact such as"),
    ({"count": "parcel", "above": 1.5}, "/above", "not 1.5"),
    ({"count": "parcel", "above": 1, "were": LOST}, "/were", "unknown field"),
    ({"fact": "charge.total", "above": {"fact": "charge.total", "times": 2}}, "/above/times", "unknown field"),
    ({"fact": "charge.total", "above": {}}, "/above/fact", "missing"),
    ({"fact": "charge.total", "known": {"fact": "charge.total"}}, "/known", "true or false"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "pointer", "says"), [*BAD, *FORM])
def test_a_fault_of_a_condition_has_its_pointer_and_says_what_to_do(
    condition, pointer, says
) -> None:
    document = shipped()
    document["approvals"]["rates"] = {"USD": "0.5", "BRL": "0.2"}
    document["automation_pauses_when"] = condition
    with pytest.raises(Invalid) as refused:
        read_policy(document)
    ((place, detail),) = [(fault.pointer, fault.detail) for fault in refused.value.faults]
    assert place == f"/automation_pauses_when{pointer}"
    assert says in detail


def test_a_band_of_value_names_its_currency() -> None:
    document = shipped()
    document["approvals"]["rates"] = {"BRL": "0.2"}
    document["priorities"]["value"] = [
        {"at_least": "20 EUR", "adds": 1},
        {"at_least": "150", "adds": 2},
        {"at_least": "60 EUR", "adds": 3},
    ]
    rulebook = read_policy(document)
    case = CaseFacts(
        kind="refund_due", bucket=Bucket.FRAUD_RISK, severity=Severity.LOW, rule="refund-due"
    )

    def added(total: str) -> int:
        facts = order_of([placed(0, lines=(line(price=total, freight=None),))])
        return rulebook.route(case, facts).priority - rulebook.route(case, order_of()).priority

    found = [added(total) for total in ("99.99", "100.00", "149.00", "150.00", "299.00", "300.00")]
    tier = added("1.00")
    assert [one - tier for one in found] == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("20 CHF", "there is no rate for CHF"),
        ("20 EURO", "is not an amount such as"),
        ("-1 EUR", "0 or more"),
        ("20 XXQ", "XXQ is not a currency code of ISO 4217"),
    ],
)
def test_a_fault_of_a_band_of_value_has_its_pointer(amount, says) -> None:
    document = shipped()
    document["priorities"]["value"][1]["at_least"] = amount
    with pytest.raises(Invalid) as refused:
        read_policy(document)
    (fault,) = refused.value.faults
    assert fault.pointer == "/priorities/value/1/at_least"
    assert says in fault.detail


def test_a_band_of_value_in_any_currency_is_written_as_before() -> None:
    document = shipped()
    digests = set()
    for amount in ("200", 200):
        document["priorities"]["value"][0]["at_least"] = amount
        rulebook = read_policy(document)
        digests.add(rulebook.digest)
        written = msgspec.to_builtins(rulebook.document)["priorities"]["value"][0]
        assert written == {"at_least": "200", "adds": 20}
    assert len(digests) == 1


def test_a_difference_describes_questions_about_parts() -> None:
    lost = {"count": "parcel", "where": LOST, "at_least": 2}
    paid_more = {"fact": "payment.captured", "above": {"fact": "charge.total"}}
    assert describe_value({"any": [lost, paid_more]}) == (
        "(count(parcel where part.lost_open is yes) at least 2 or payment.captured above charge.total)"
    )


# The same questions in plain Python

AMOUNTS = st.sampled_from(["0", "1", "2.50", "3", "10"]).map(Decimal)
PAYMENTS = st.lists(
    st.builds(
        PaymentPart,
        id=st.uuids().map(str),
        captured=st.none() | AMOUNTS,
        currency=st.sampled_from([None, "EUR", "USD", "CHF"]),
    ),
    max_size=4,
)
PLAIN: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda a, b: a == b,
    "above": lambda a, b: a > b,
    "at_least": lambda a, b: a >= b,
    "below": lambda a, b: a < b,
    "at_most": lambda a, b: a <= b,
}


@BOUNDED_SETTINGS
@given(payments=PAYMENTS, least=AMOUNTS, number=st.integers(0, 4), test=st.sampled_from([*PLAIN]))
def test_any_every_and_count_equal_plain_python(payments, least, number, test) -> None:
    facts = order_of(payment=payments)
    fits = [p.captured is not None and p.captured >= least for p in payments]
    where = {"fact": "part.captured", "at_least": str(least)}
    assert passes({"any": "payment", "where": where}, facts) == any(fits)
    assert passes({"every": "payment", "where": where}, facts) == (bool(fits) and all(fits))
    compare = PLAIN[test]
    counted = {"count": "payment", "where": where, test: number}
    assert passes(counted, facts) == compare(sum(fits), number)
    assert passes({"count": "payment", test: number}, facts) == compare(len(payments), number)


def euros(amount: Decimal | None, currency: str | None) -> Decimal | None:
    """The amount in EUR by RATES; None if it is unknown or has no rate."""
    if amount is None:
        return None
    rates = {"EUR": Decimal(1), "USD": Decimal("0.5"), "BRL": Decimal("0.2")}
    if not amount and currency is None:
        return amount
    return amount * rates[currency] if currency in rates else None


@BOUNDED_SETTINGS
@given(
    payments=PAYMENTS,
    least=AMOUNTS,
    limit=AMOUNTS,
    unit=st.sampled_from(["EUR", "USD"]),
    test=st.sampled_from([*PLAIN]),
)
def test_a_sum_equals_plain_python(payments, least, limit, unit, test) -> None:
    where = {"fact": "part.captured", "at_least": str(least)}
    facts = order_of(payment=payments)
    for chosen, condition in (
        (payments, {"sum": "payment.captured"}),
        (
            [p for p in payments if p.captured is not None and p.captured >= least],
            {"sum": "payment.captured", "where": where},
        ),
    ):
        amounts = [euros(p.captured, p.currency) for p in chosen]
        goal = euros(limit, unit)
        expected = None not in amounts and PLAIN[test](
            sum((a for a in amounts if a is not None), Decimal(0)), goal
        )
        assert passes({**condition, test: f"{limit} {unit}"}, facts, RATES) == expected


def test_every_kind_of_part_can_be_counted() -> None:
    for kind in PartKind:
        assert passes({"count": kind.value, "is": 0}, order_of())
