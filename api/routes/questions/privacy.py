"""Questions about personal data: who read it, what is stored, and what was erased."""

from collections import Counter
from typing import Annotated

from msgspec import Meta

from api.http.order_names import SHOP
from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from api.routes.questions.times import PeriodParameters
from application.audit.personal_data import (
    PersonalDataHeld,
    PersonalDataRead,
    PersonalDataReads,
    find_personal_data_held,
)
from application.log.sealing import without_read_tracking
from application.privacy.privacy_desk import PrivacyDesk
from domain.orders.order_names import order_names
from domain.orders.signal_body import DEFAULT_SHOP, OrderId, ShopName, order_key
from domain.permissions import Permission
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.personal.key_ring import KeyRing

PAGE_SIZE = 1_000


class PersonalReadsParameters(PeriodParameters, frozen=True, kw_only=True):
    order: Annotated[OrderId, Meta(description="Any order of the customer.")]
    shop: Annotated[ShopName, Meta(description=SHOP)] = DEFAULT_SHOP

    @property
    def order_key(self) -> str:
        """The text that names the order in the log."""
        return order_key(self.order, self.shop)


class CustomerParameters(QuestionParameters, frozen=True, kw_only=True):
    order: Annotated[OrderId, Meta(description="Any order of the customer.")]
    shop: Annotated[ShopName, Meta(description=SHOP)] = DEFAULT_SHOP

    @property
    def order_key(self) -> str:
        """The text that names the order in the log."""
        return order_key(self.order, self.shop)


def who_read_it(sources: AnswerSources, given: PersonalReadsParameters) -> PersonalDataReads:
    """Every read of personal data in any order of this order's customer. Acts on a case are in its
    trail, not here."""
    desk, _ = _desk_and_keys(sources)
    with without_read_tracking():
        orders = desk.customer_of_order(given.order_key).orders
    found: list[PersonalDataRead] = []
    after = 0
    while page := sources.desks.reads.of(orders, None, after, PAGE_SIZE):
        after = page[-1].id
        found += [
            PersonalDataRead(
                at=read.at,
                who=read.person or read.principal,
                what=read.what,
                order=read.order_id,
                shop=read.shop,
            )
            for read in page
            if given.period.holds(read.at)
        ]
    readers = Counter(line.who for line in found)
    return PersonalDataReads(
        orders=order_names(orders), readers=dict(sorted(readers.items())), reads=found
    )


def what_is_held(sources: AnswerSources, given: CustomerParameters) -> PersonalDataHeld:
    """For all orders and cases of this order's customer: how many personal texts are readable, how many
    were erased, and who ordered that. The answer contains no personal text."""
    desk, keys = _desk_and_keys(sources)
    with without_read_tracking():
        return find_personal_data_held(sources.desks.log, desk, keys, given.order_key)


def _desk_and_keys(sources: AnswerSources) -> tuple[PrivacyDesk, KeyRing]:
    """Raises KeyStoreUnavailable."""
    desk, keys = sources.desks.privacy, sources.desks.key_ring
    if desk is None or keys is None:
        raise KeyStoreUnavailable("this process has no key store")
    return desk, keys


PRIVACY_QUESTIONS = (
    Question(
        number=19,
        answer=who_read_it,
        needs=Permission.READ_PERSONAL_READS,
        routes=("GET /v1/audit/reads", "POST /v1/personal-data/reads"),
        commands=("casetrail audit reads",),
    ),
    Question(
        number=20,
        answer=what_is_held,
        routes=(
            "POST /v1/personal-data/find",
            "GET /v1/personal-data/after-erasure",
            "POST /v1/personal-data/erasures",
        ),
        commands=(
            "casetrail personal-data show",
            "casetrail personal-data after-erasure",
            "casetrail personal-data erase",
        ),
    ),
)
