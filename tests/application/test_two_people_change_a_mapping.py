"""Once a source has taken deliveries, one person proposes its mapping and another approves it."""

from __future__ import annotations

from uuid import UUID

import pytest

from application.log.caller import Caller, operator_caller
from application.policy.policy_persons import PolicyPersons
from application.sources.mapping_desk import MappingDesk
from application.sources.source_desk import SourceDesk
from domain.access_errors import NotInScope
from domain.errors import CasetrailError, Invalid
from domain.grants import ChangePersonStatus, GrantRole
from domain.people import Actor, Role
from domain.sources.errors import (
    MappingActsNoLongerHold,
    MappingNeedsAnotherPerson,
    MappingProposalNotFound,
    SourceStateWrong,
)
from domain.sources.mapping_governance import whole_digest
from domain.sources.source import AddSource, ApproveMapping, ChooseMapping, DropMapping, Source
from infrastructure.mappings import documents
from infrastructure.mappings.deliveries import SourceMappings
from infrastructure.pulls.documents import choose_pull
from infrastructure.source_secrets import NoSecrets
from tests.application.in_memory_service import caller
from tests.application.test_granting_roles import QUEUES
from tests.application.test_grants_take_two_people import Office
from tests.domain.signals import after
from tests.sources.senders import MAPPING, WIDER

WIDEST = WIDER.replace("LOST: failure", "LOST: failure, FOUND: in_transit")


class Shop:
    """Three managers, and a source that has taken deliveries."""

    def __init__(self, *, is_used: bool = True) -> None:
        self.office = Office()
        self.teams = {"order_desk"}
        log, mappings = self.office.service.log, SourceMappings()
        self.sources = SourceDesk(
            log, NoSecrets(), mappings, lambda: self.teams, choose_pull, lambda _: None
        )
        persons = PolicyPersons(log, self.office.people)
        self.mappings = MappingDesk(log, self.sources, mappings, persons, lambda: self.teams)
        ask = AddSource(name="little", owner="order_desk", document=MAPPING)
        self.sources.add(ask, caller("olga", after(0)))
        if is_used:
            log.append(self.sources.first_use(self.source, UUID(int=1), after(0)))

    @property
    def source(self) -> Source:
        return self.sources.find("little")

    def propose(self, document: str = WIDER, by: str = "olga", at: float = 1) -> str:
        """The digest of the proposed document."""
        return self.choose(document, caller(by, after(at)))

    def choose(self, document: str, by: Caller) -> str:
        ask = ChooseMapping(document=document, reason="LOST is known now.")
        source = self.mappings.choose("little", ask, by).source
        return source.proposal.mapping.digest if source.proposal else source.mapping.digest

    def approve(self, digest: str, by: str = "otto", at: float = 2) -> Source:
        return self.approve_as(digest, caller(by, after(at)))

    def approve_as(self, digest: str, by: Caller) -> Source:
        ask = ApproveMapping(digest=digest, note="Compared.")
        return self.mappings.approve("little", ask, by).source

    def drop(self, what: str, digest: str, by: str = "otto", at: float = 2) -> Source:
        ask = DropMapping(digest=digest, reason="Not now.")
        drop = self.mappings.reject if what == "reject" else self.mappings.withdraw
        return drop("little", ask, caller(by, after(at))).source

    def refuses(self, error: type[CasetrailError], digest: str, by: str = "otto") -> str:
        before = self.source
        with pytest.raises(error) as caught:
            self.approve(digest, by, 5)
        assert self.source == before
        return caught.value.detail


def test_one_person_changes_the_mapping_of_a_source_that_has_taken_nothing() -> None:
    shop = Shop(is_used=False)
    digest = shop.propose()
    assert (shop.source.mapping.digest, shop.source.proposal) == (digest, None)
    assert shop.source.is_confirmed


def test_another_person_approves_the_mapping_of_a_source_in_use() -> None:
    shop = Shop()
    digest = shop.propose()
    assert shop.source.mapping.document == MAPPING
    assert shop.source.proposal is not None
    assert shop.source.proposal.by.persons == ("olga",)
    approved = shop.approve(digest)
    assert (approved.mapping.document, approved.proposal) == (WIDER, None)
    types = [line.type for line in shop.office.service.lines()][-3:]
    assert types == ["source.used", "source.mapping_proposed", "source.mapping_approved"]


def test_the_proposer_does_not_approve_under_any_name() -> None:
    shop = Shop()
    digest = shop.propose()
    assert "another person must decide" in shop.refuses(
        MappingNeedsAnotherPerson, digest, by="olga"
    )
    shop.office.link("otto", "olga", 3)
    shop.refuses(MappingNeedsAnotherPerson, digest, by="otto")
    assert shop.approve(digest, by="olivia").mapping.document == WIDER


def test_an_agent_and_a_part_of_the_service_do_not_approve() -> None:
    shop = Shop()
    digest = shop.propose()
    agent = Caller(
        Actor("key:otto", "otto", via=("agent:helper",)), "otto", after(2), "command:test"
    )
    for by in (agent, operator_caller(after(2))):
        with pytest.raises(MappingNeedsAnotherPerson, match="only a person decides"):
            shop.approve_as(digest, by)
    delegate = Caller(Actor("key:otto", "otto", delegate="olga"), "otto", after(2), "command:test")
    with pytest.raises(MappingNeedsAnotherPerson, match="olga proposed"):
        shop.approve_as(digest, delegate)


def test_an_approver_without_the_role_at_that_moment_is_refused() -> None:
    shop = Shop()
    digest = shop.propose()
    shop.office.people.leave("otto", ChangePersonStatus(reason="Gone."), operator_caller(after(3)))
    shop.refuses(NotInScope, digest)
    shop.refuses(NotInScope, digest, by="ana")


def test_a_proposal_by_somebody_whose_role_was_void_is_refused() -> None:
    shop = Shop()
    ask = GrantRole(role=Role.OPS_MANAGER, reason="She connects systems.")
    shop.office.people.give("ana", ask, QUEUES, caller("olga", after(1)))
    shop.office.confirm("otto", 2)
    digest = shop.propose(by="ana", at=3)
    shop.office.link("ana", "otto", 4)  # she confirmed her own role
    detail = shop.refuses(MappingActsNoLongerHold, digest, by="olivia")
    assert "ana proposed it and had no valid role" in detail
    assert shop.drop("reject", digest, "olivia", 5).proposal is None


def test_a_name_that_is_linked_at_the_same_moment_makes_the_approval_fail() -> None:
    shop = Shop()
    digest = shop.propose()
    log, append = shop.office.service.log, shop.office.service.log.append
    is_linked = False

    def link_first(*args: object, **more: object) -> object:
        nonlocal is_linked
        if not is_linked:
            is_linked = True
            shop.office.link("otto", "olga", 3)
        return append(*args, **more)  # type: ignore[arg-type]

    log.append = link_first  # type: ignore[method-assign, assignment]
    # The names of the approver were read before; the guards let the append fail, and it is decided again.
    with pytest.raises(CasetrailError):
        shop.approve(digest)
    log.append = append  # type: ignore[method-assign]
    assert shop.source.mapping.document == MAPPING


def test_only_the_document_that_was_seen_is_approved() -> None:
    shop = Shop()
    first = shop.propose()
    with pytest.raises(SourceStateWrong, match="waits for a decision"):
        shop.propose(WIDEST)
    shop.drop("withdraw", first, "olga")
    second = shop.propose(WIDEST)
    assert first[:12] in shop.refuses(MappingProposalNotFound, first)
    assert shop.approve(second).mapping.document == WIDEST
    assert "no mapping of little waits" in shop.refuses(MappingProposalNotFound, second)


def test_a_proposal_to_replace_another_document_than_the_one_in_use_is_refused() -> None:
    shop = Shop()
    digest = shop.propose()
    shop.choose(WIDEST, operator_caller(after(2)))
    assert "propose it again" in shop.refuses(SourceStateWrong, digest)


def test_an_owner_that_policy_no_longer_has_is_refused() -> None:
    shop = Shop()
    digest = shop.propose()
    shop.teams.clear()
    assert "no queue has the team order_desk" in shop.refuses(SourceStateWrong, digest)


def test_the_proposer_withdraws_and_another_person_rejects() -> None:
    shop = Shop()
    digest = shop.propose()
    with pytest.raises(MappingNeedsAnotherPerson, match="only the proposer can withdraw"):
        shop.drop("withdraw", digest, "otto")
    assert shop.drop("reject", digest, "otto").proposal is None
    assert shop.drop("withdraw", shop.propose(at=3), "olga", 4).proposal is None
    assert shop.source.mapping.document == MAPPING


def test_what_the_operator_chose_alone_is_not_confirmed_until_a_person_does_so() -> None:
    shop = Shop()
    proposed = shop.propose()
    chosen = shop.choose(WIDER, operator_caller(after(2)))
    assert chosen == proposed
    assert (shop.source.mapping.document, shop.source.is_confirmed) == (WIDER, False)
    shop.refuses(MappingNeedsAnotherPerson, chosen, by="olga")
    assert shop.approve(chosen).is_confirmed
    assert shop.source.proposal is None


def test_a_document_that_ships_otherwise_after_an_upgrade_changes_no_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shipped = tmp_path_factory.mktemp("shipped")
    monkeypatch.setattr(documents, "SHIPPED", shipped)
    (shipped / "little_shop.yaml").write_text(MAPPING)
    shop = Shop(is_used=False)
    ask = AddSource(name="kept", owner="order_desk", mapping="little_shop")
    shop.sources.add(ask, caller("olga", after(0)))
    (shipped / "little_shop.yaml").write_text(WIDER)
    assert shop.sources.find("kept").mapping.document == MAPPING
    chosen = ChooseMapping(mapping="little_shop", reason="The version that ships now.")
    shop.mappings.choose("kept", chosen, caller("olga", after(1)))
    assert shop.sources.find("kept").mapping.document == WIDER


def test_a_document_with_a_fault_is_not_proposed() -> None:
    shop = Shop()
    with pytest.raises(Invalid, match="mapping"):
        shop.propose("mapping: little_shop\n")
    assert shop.source.proposal is None


def test_the_beginning_of_a_digest_names_the_document_that_waits() -> None:
    shop = Shop()
    digest = shop.propose()
    assert "not 00000000" in shop.refuses(MappingProposalNotFound, "0" * 8)
    assert shop.approve(digest[:8]).mapping.digest == digest
    again = shop.propose(WIDEST)
    assert shop.drop("withdraw", again[:12], "olga").proposal is None
    again = shop.propose(WIDEST, at=3)
    assert shop.drop("reject", again[:8]).proposal is None
    chosen = shop.choose(WIDEST, operator_caller(after(6)))
    assert shop.approve(chosen[:9], at=7).is_confirmed


def test_a_beginning_counts_among_all_documents_that_were_ever_proposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "digest_of", lambda text: f"5e5e5e5e{len(text):056x}")
    shop = Shop()
    seen = shop.propose()
    shop.drop("withdraw", seen, "olga")
    other = shop.propose(WIDEST, at=3)
    assert other[:8] == seen[:8] != other[:64]
    said = shop.refuses(Invalid, other[:8])
    assert other in said
    assert seen in said
    assert shop.approve(other, at=6).mapping.digest == other


def test_a_beginning_of_two_digests_is_refused_with_both() -> None:
    one, other = "5e" * 32, "5e" * 5 + "00" * 27
    assert whole_digest(one[:11], [one, other]) == one
    assert whole_digest("00000000", [one, other]) == "00000000"
    with pytest.raises(Invalid) as caught:
        whole_digest(one[:10], [one, other])
    (fault,) = caught.value.faults
    assert (fault.pointer, one in fault.detail, other in fault.detail) == ("/digest", True, True)
