"""A filter takes the kinds and queues of every policy in the log, and no other name."""

from __future__ import annotations

import pytest
from msgspec import structs

from api.http.errors import MalformedParameter
from api.routes.known_names import require_known_names
from application.policy.policy_desk import PolicyDesk
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService, caller
from tests.domain.signals import after


def test_a_kind_of_another_policy_is_known_and_a_misspelt_one_is_not() -> None:
    """A case keeps the kind that an earlier policy gave it."""
    service = InMemoryService()
    desk = PolicyDesk(service.log, lambda: after(1))
    document = SHIPPED_RULEBOOK.document
    first = structs.replace(
        document,
        version=f"{document.version}-first",
        kinds={**document.kinds, "dropped": document.kinds["refund_due"]},
    )
    desk.bootstrap(SHIPPED_RULEBOOK, after(0))
    require_known_names(desk, ["refund_due"], ["refund_validation"])
    with pytest.raises(MalformedParameter, match="no kind dropped"):
        require_known_names(desk, ["dropped"])
    desk.propose(Rulebook(first), "More kinds.", None, caller("gia", after(0.5)))
    require_known_names(desk, ["dropped", "refund_due"])
    with pytest.raises(MalformedParameter, match="no queue refund_due; known are: "):
        require_known_names(desk, (), ["refund_due"])
