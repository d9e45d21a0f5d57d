"""Authority follows from the active grants, each within its scope and its time."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authority import FULL_AUTHORITY, NO_AUTHORITY, Scope, authority_of
from domain.people import OPERATOR_ACTOR, Role
from domain.permissions import ROLE_PERMISSIONS, SCOPED_PERMISSIONS, Permission
from domain.person import Grant
from domain.regions import region_of
from tests.domain.signals import after

CASE, OTHER_CASE = UUID(int=1), UUID(int=2)
QUEUES = ("refunds", "returns", "lost")
REGIONS = ("BR", "BR-SP", "BR-RJ", "PT", "PT-11", None)
P = Permission


def grant(role: Role, **facts: object) -> Grant:
    return Grant(grant="g1", role=role, granted_at=after(0), granted_by=OPERATOR_ACTOR, **facts)  # type: ignore[arg-type]


def test_a_grant_without_scope_covers_everything() -> None:
    authority = authority_of([grant(Role.HANDLER)])
    assert authority.permissions == authority.everywhere == ROLE_PERMISSIONS[Role.HANDLER]
    assert authority.covers(P.WORK_CASES, "refunds", None)
    assert not authority.covers(P.READ_LOG, "refunds", None)


def test_no_grant_covers_nothing() -> None:
    assert NO_AUTHORITY.permissions == frozenset()
    assert not NO_AUTHORITY.covers(P.READ_CASES, "refunds", "BR")
    assert FULL_AUTHORITY.covers(P.EXECUTE_ADJUSTMENTS, "refunds", None)


@pytest.mark.parametrize(
    ("regions", "region", "reached"),
    [
        (("BR",), "BR", True),
        (("BR",), "BR-SP", True),
        (("BR-SP",), "BR-SP", True),
        (("BR-SP",), "BR-RJ", False),
        (("BR-SP",), "BR", False),
        (("BR", "PT"), "PT-11", True),
        (("BR",), "PT", False),
        (("BR",), None, False),
        ((), None, True),
        ((), "PT", True),
    ],
)
def test_a_country_covers_its_subdivisions_and_an_unknown_region_is_covered_by_none(
    regions: tuple[str, ...], region: str | None, reached: bool
) -> None:
    authority = authority_of([grant(Role.HANDLER, regions=regions)])
    assert authority.covers(P.WORK_CASES, "refunds", region) is reached
    assert authority.has_region(P.READ_ORDERS, region) is reached


@pytest.mark.parametrize(
    ("code", "area", "region"),
    [
        ("BR", "SP", "BR-SP"),
        ("br", " sp ", "BR-SP"),
        ("BR", "", "BR"),
        ("BR", "São Paulo", "BR"),
        ("PT", "11", "PT-11"),
        ("", "SP", None),
    ],
)
def test_a_region_is_read_from_an_address(code: str, area: str, region: str | None) -> None:
    assert region_of(code, area) == region


def test_a_scope_applies_to_its_own_grant_only() -> None:
    """A handler of one queue who audits everything can work on that queue only."""
    authority = authority_of([grant(Role.HANDLER, queues=("refunds",)), grant(Role.AUDITOR)])
    assert authority.covers(P.WORK_CASES, "refunds", None)
    assert not authority.covers(P.WORK_CASES, "returns", None)
    assert authority.covers(P.READ_CASES, "returns", None)
    assert authority.roles_over(P.READ_CASES, "returns", None) == {Role.AUDITOR}
    assert authority.roles_over(P.WORK_CASES, "refunds", None) == {Role.HANDLER}
    assert authority.roles_over(P.WORK_CASES, "returns", None) == frozenset()


@pytest.mark.parametrize("role", list(Role))
def test_a_scoped_grant_gives_no_global_permissions(role: Role) -> None:
    authority = authority_of([grant(role, queues=("refunds",))])
    assert authority.permissions == ROLE_PERMISSIONS[role] & SCOPED_PERMISSIONS
    assert authority.partial == ROLE_PERMISSIONS[role] - SCOPED_PERMISSIONS
    assert not authority.everywhere


@pytest.mark.parametrize("role", list(Role))
def test_a_break_glass_grant_gives_no_payment_permissions(role: Role) -> None:
    authority = authority_of([grant(role, case=CASE, under="break-glass:1")])
    assert not authority.permissions & {P.EXECUTE_ADJUSTMENTS, P.RECONCILE_ADJUSTMENTS}
    for permission in authority.permissions:
        assert authority.covers(permission, "refunds", None, CASE)
        assert not authority.covers(permission, "refunds", None, OTHER_CASE)


def test_an_act_allowed_without_break_glass_is_not_recorded_under_it() -> None:
    lent = grant(Role.TEAM_LEAD, queues=("refunds",), under="break-glass:1")
    authority = authority_of([lent, grant(Role.HANDLER, queues=("refunds",))])
    worked = authority.scope_over(P.WORK_CASES, "refunds", None)
    led = authority.scope_over(P.MANAGE_BACKLOG, "refunds", None)
    assert worked is not None
    assert led is not None
    assert (worked.under, led.under) == (None, "break-glass:1")


def test_a_grant_with_regions_does_not_cover_the_whole_queue() -> None:
    authority = authority_of([grant(Role.TEAM_LEAD, queues=("refunds",), regions=("BR",))])
    assert authority.has_queue(P.READ_CASES, "refunds")
    assert not authority.has_whole_queue(P.READ_CASES, "refunds")
    assert not authority.has_queue(P.READ_CASES, "returns")


def test_authority_is_valid_until_the_first_grant_ends() -> None:
    some = [grant(Role.HANDLER, until=after(n)) for n in (3, 2)]
    assert authority_of([*some, grant(Role.AUDITOR)]).until == after(2)
    assert authority_of([grant(Role.AUDITOR)]).until is None


scopes = st.builds(
    Scope,
    st.none() | st.frozensets(st.sampled_from(QUEUES), min_size=1),
    st.none() | st.frozensets(st.sampled_from(("BR", "BR-SP", "PT", "PT-11")), min_size=1),
    st.none() | st.sampled_from((CASE, OTHER_CASE)),
)
places = st.tuples(
    st.sampled_from(QUEUES), st.sampled_from(REGIONS), st.sampled_from((CASE, OTHER_CASE))
)


@given(some=scopes, other=scopes, place=places)
def test_the_intersection_of_two_scopes_covers_what_both_cover(
    some: Scope, other: Scope, place: tuple[str, str | None, UUID]
) -> None:
    both = some.within(other)
    assert (both is not None and both.covers(*place)) == (
        some.covers(*place) and other.covers(*place)
    )


grants = st.builds(
    grant,
    st.sampled_from(Role),
    queues=st.sampled_from(((), ("refunds",), ("returns", "lost"))),
    regions=st.sampled_from(((), ("BR",), ("BR-SP", "PT"))),
    under=st.sampled_from((None, "break-glass:1")),
)


@given(given_=st.lists(grants, max_size=4), narrow=scopes, place=places)
def test_a_key_never_covers_more_than_its_owner_or_its_own_limits(
    given_: list[Grant], narrow: Scope, place: tuple[str, str | None, UUID]
) -> None:
    owner = authority_of(given_)
    key = owner.within(narrow, [P.READ_CASES, P.WORK_CASES, P.READ_LOG])
    for permission in Permission:
        allowed = permission in (P.READ_CASES, P.WORK_CASES, P.READ_LOG)
        expected = allowed and owner.covers(permission, *place) and narrow.covers(*place)
        if permission in SCOPED_PERMISSIONS:
            assert key.covers(permission, *place) == expected, permission
        else:
            assert key.covers(permission, *place) == (
                allowed and narrow.is_everything and permission in owner.everywhere
            )
