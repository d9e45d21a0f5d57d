"""Questions about personal data: who read it, which is held, and what of it was erased."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from msgspec import Meta

from api.routes.questions.question import Asking, Question, Sources
from api.routes.questions.times import InPeriod
from application.audit.personal_data import PersonalDataHeld, ReadLine, ReadsOf, personal_data_held
from application.log.sealing import shown_to_nobody
from application.privacy.privacy_desk import PrivacyDesk
from domain.orders.signals import OrderId
from domain.permissions import Permission
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.personal.key_ring import KeyRing

PAGE = 1_000


class OfReads(InPeriod, frozen=True, kw_only=True):
    order: Annotated[OrderId, Meta(description="Any order of the customer's.")]


class OfCustomer(Asking, frozen=True, kw_only=True):
    order: Annotated[OrderId, Meta(description="Any order of the customer's.")]


def who_read_it(sources: Sources, asked: OfReads) -> ReadsOf:
    """Every time that personal data of any order of this order's customer was shown to somebody; who
    acts on a case stands in its trail."""
    desk, _ = _desk_and_keys(sources)
    with shown_to_nobody():
        orders = desk.whose(asked.order).orders
    found: list[ReadLine] = []
    after = 0
    while page := sources.desks.reads.of(orders, None, after, PAGE):
        after = page[-1].id
        found += [
            ReadLine(at=one.at, who=one.person or one.principal, what=one.what, order=one.order_id)
            for one in page
            if asked.period.holds(one.at)
        ]
    readers = Counter(line.who for line in found)
    return ReadsOf(orders=orders, readers=dict(sorted(readers.items())), reads=found)


def what_is_held(sources: Sources, asked: OfCustomer) -> PersonalDataHeld:
    """Of all orders and cases of this order's customer: how many personal texts can still be read, how
    many nobody can read any more, and who ordered that. No text is told."""
    desk, keys = _desk_and_keys(sources)
    with shown_to_nobody():
        return personal_data_held(sources.desks.log, desk, keys, asked.order)


def _desk_and_keys(sources: Sources) -> tuple[PrivacyDesk, KeyRing]:
    """Raises KeyStoreUnavailable."""
    desk, keys = sources.desks.privacy, sources.desks.key_ring
    if desk is None or keys is None:
        raise KeyStoreUnavailable("this process knows no key store")
    return desk, keys


PRIVACY = (
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
        routes=("POST /v1/personal-data/find", "POST /v1/personal-data/erasures"),
        commands=("casetrail personal-data show", "casetrail personal-data erase"),
    ),
)
