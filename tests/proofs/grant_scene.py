"""The same order where bo may do nothing yet: two of three managers give him a role that approves, and he approves.
Or one of the two is mia, whom two others made a manager."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from application.people.grant_desk import GrantDesk
from domain.access_errors import NotInScope
from domain.grants import GrantRole
from domain.people import Role
from domain.permissions import Permission
from tests.proofs.branching_recorder import BranchingRecorder
from tests.proofs.order_scene import BOTH_ROLES, FIRST, Move, OrderScene

MANAGERS = ("olga", "otto", "oona")
LINKS = (("olga", "otto"), ("otto", "bo"), ("olga", "bo"), ("oona", "otto"), ("oona", "ana"))
RECEIVER = "bo"
GIVEN = (("bo", Role.FINANCE_APPROVER), ("mia", Role.OPS_MANAGER))


class GrantScene(OrderScene):
    """Ana has proposed a refund, and cy may pay it."""

    staff: ClassVar[Mapping[str, tuple[Role, ...]]] = {
        "ana": BOTH_ROLES,
        "bo": (),
        "cy": BOTH_ROLES,
        **dict.fromkeys(MANAGERS, (Role.OPS_MANAGER,)),
    }

    def __init__(self, recorder: BranchingRecorder) -> None:
        super().__init__(recorder)
        self.grants = GrantDesk(self.people)

    def moves(self) -> Iterator[Move]:
        for who in ("ana", "bo", "cy"):
            yield from (Move(who, act, FIRST) for act in ("approve", "execute"))
        yield from (Move(who, "give") for who in (*MANAGERS, "cy"))
        for who in self.staff:
            for grant in self.people.person(RECEIVER).grants:
                yield Move(who, "confirm", grant.grant)
        yield from (Move(one, "link", other) for one, other in LINKS)

    def make(self, move: Move, hours: float) -> None:
        if move.act not in ("give", "confirm"):
            super().make(move, hours)
        elif move.act == "give":
            ask = GrantRole(role=Role.FINANCE_APPROVER, reason="He approves.")
            self.people.give(RECEIVER, ask, (), self.caller(move.who, hours))
        else:
            self.grants.confirm(RECEIVER, move.what, self.caller(move.who, hours))


class ChainScene(GrantScene):
    """Mia may do nothing yet either: two managers make her a manager, and then she gives or confirms bo's role."""

    links = (("olga", "otto"), ("mia", "olga"), ("mia", "bo"), ("oona", "mia"), ("oona", "otto"))
    staff: ClassVar[Mapping[str, tuple[Role, ...]]] = {**GrantScene.staff, "mia": ()}

    def moves(self) -> Iterator[Move]:
        yield from (Move("bo", act, FIRST) for act in ("approve", "execute"))
        yield Move("cy", "execute", FIRST)
        for who in (*MANAGERS, "mia"):
            for name, _ in GIVEN:
                yield Move(who, "give", name)
                for grant in self.people.person(name).grants:
                    yield Move(who, "confirm", f"{name} {grant.grant}")
        yield from (Move(one, "link", other) for one, other in self.links)

    def make(self, move: Move, hours: float) -> None:
        if move.act not in ("give", "confirm"):
            super().make(move, hours)
            return
        by = self.caller(move.who, hours)
        if Permission.MANAGE_PEOPLE not in by.authority.everywhere:
            raise NotInScope("the route needs it", permission=Permission.MANAGE_PEOPLE)
        name, _, grant = move.what.partition(" ")
        if move.act == "give":
            ask = GrantRole(role=dict(GIVEN)[name], reason="They are needed.")
            self.people.give(name, ask, (), by)
        else:
            self.grants.confirm(name, grant, by)
