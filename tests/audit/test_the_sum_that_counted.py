"""Question 4 names the sum that counted, with the digits of its currency."""

from __future__ import annotations

import pytest

from api.routes.questions.wording.adjustments import counted_sum
from api.routes.questions.words import money
from domain.adjustments.events import ApprovalRequirement, IdentitySum
from domain.adjustments.identity_kinds import Identity


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        ("1912.473", "that of the same address, with 6 other orders"),
        ("20.00", "that of the customer"),
        ("10.00", "that of the order"),
    ],
)
def test_it_names_the_sum_that_counted(counted: str, words: str) -> None:
    required = ApprovalRequirement(
        policy="5",
        policy_digest="",
        rule="two-approvers",
        approvers=2,
        counted=counted,
        currency="EUR",
        of_order="10.00",
        of_customer="20.00",
        sums=(IdentitySum(Identity.ADDRESS, "1912.473", 6),),
    )
    assert counted_sum(required) == words


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("1912.473", "EUR", "1912.47 EUR"),
        ("1024.1900", "EUR", "1024.19 EUR"),
        ("250", "EUR", "250 EUR"),
        ("99.6", "JPY", "100 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
        ("1.55", None, "1.55 in an unknown currency"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency(
    amount: str, currency: str | None, words: str
) -> None:
    assert money(amount, currency) == words
