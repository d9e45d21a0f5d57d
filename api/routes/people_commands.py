"""Commands on people; most are entries of the table at the end."""

from collections.abc import Callable
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from api.http.commands import CommandRequest, configure_command_handler
from api.http.concurrency import post
from api.http.responses import CommandResponse
from api.http.service import Service
from api.routes.people import PersonView, person_view
from application.log.caller import Caller
from application.people.people_desk import PeopleDesk, PersonResult
from domain.grants import AddPerson, ChangePersonStatus, GrantRole, LinkPersonName, SetSkills
from domain.permissions import Permission


@post("/people", needs=Permission.MANAGE_PEOPLE, summary="Add a person")
def add_person(command: CommandRequest, data: JSONBody[AddPerson]) -> Response[PersonView]:
    """Each role becomes a grant without a scope and without an end. One that takes two people is only proposed."""
    return _run(command, lambda desk, by: desk.add(data.name, data.roles, by.now, data.skills, by))


@post(
    "/people/{name:str}/grants/{grant:str}/revoke",
    needs=Permission.MANAGE_PEOPLE,
    summary="Revoke a grant",
)
def revoke_grant(
    command: CommandRequest,
    name: FromPath[str],
    grant: FromPath[str],
    data: JSONBody[ChangePersonStatus],
) -> Response[PersonView]:
    """It ends within seconds. The grant stays in the record."""
    return _run(command, lambda desk, by: desk.revoke(name, grant, data, by))


@post(
    "/people/{name:str}/grants/{grant:str}/confirm",
    needs=Permission.MANAGE_PEOPLE,
    summary="Confirm a grant that another person gave",
)
def confirm_grant(
    command: CommandRequest, name: FromPath[str], grant: FromPath[str]
) -> Response[PersonView]:
    """A proposed grant is active from now on. You can be neither the person who gave it nor the one who gets
    it, under any of your names."""
    grants = command.service.desks.grants
    return _run(command, lambda _, by: grants.confirm(name, grant, by))


@post(
    "/people/{name:str}/grants/{grant:str}/reject",
    needs=Permission.MANAGE_PEOPLE,
    summary="Reject a proposed grant",
)
def reject_grant(
    command: CommandRequest,
    name: FromPath[str],
    grant: FromPath[str],
    data: JSONBody[ChangePersonStatus],
) -> Response[PersonView]:
    """It stays in the record and gives nothing."""
    grants = command.service.desks.grants
    return _run(command, lambda _, by: grants.reject(name, grant, data, by))


@post(
    "/people/{name:str}/grants/{grant:str}/withdraw",
    needs=Permission.MANAGE_PEOPLE,
    summary="Withdraw a grant that you proposed",
)
def withdraw_grant(
    command: CommandRequest,
    name: FromPath[str],
    grant: FromPath[str],
    data: JSONBody[ChangePersonStatus],
) -> Response[PersonView]:
    """Only the person who proposed it can, while it waits for a confirmation."""
    grants = command.service.desks.grants
    return _run(command, lambda _, by: grants.withdraw(name, grant, data, by))


def _run(
    command: CommandRequest, act: Callable[[PeopleDesk, Caller], PersonResult]
) -> Response[Any]:
    desks = command.service.desks
    now = desks.clock()
    return command.run(
        lambda by: act(desks.people, by),
        lambda result: result.person,
        lambda person: CommandResponse(person_view(person, now)),
    )


def _command(
    name: str,
    summary: str,
    doc: str,
    kind: Any,
    act: Callable[[Service, str, Any, Caller], PersonResult],
) -> HTTPRouteHandler:
    """The route of a command on a person; `kind` is the type of its body."""

    def handler(command: CommandRequest, name: FromPath[str], data: Any) -> Response[PersonView]:
        return _run(command, lambda _, by: act(command.service, name, data, by))

    path = f"/people/{{name:str}}/{name}"
    return post(path, needs=Permission.MANAGE_PEOPLE, summary=summary)(
        configure_command_handler(handler, f"person_{name}", doc, kind)
    )


def _grant_role(service: Service, name: str, data: GrantRole, by: Caller) -> PersonResult:
    queues = service.desks.policy.current.document.queues
    return service.desks.people.give(name, data, queues, by)


PEOPLE_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    add_person,
    revoke_grant,
    confirm_grant,
    reject_grant,
    withdraw_grant,
    _command(
        "grants",
        "Grant a role to a person",
        "In some queues and regions or in all, until a time or without an end. You cannot grant a role "
        "to yourself, under any of your names. A role that takes two people is only proposed: another person "
        "confirms it.",
        GrantRole,
        _grant_role,
    ),
    _command(
        "leave",
        "Record that a person has left",
        "Within seconds, all names of the person lose access. The record stays.",
        ChangePersonStatus,
        lambda service, name, data, by: service.desks.people.leave(name, data, by),
    ),
    _command(
        "return",
        "Record that a person has returned",
        "Under this name: the grants that have not ended are active again. Those that take two people wait "
        "until another person confirms them.",
        ChangePersonStatus,
        lambda service, name, data, by: service.desks.people.come_back(name, data, by),
    ),
    _command(
        "skills",
        "Set the skills of a person",
        "Claim-next offers only cases that need one of these skills; without skills, all cases.",
        SetSkills,
        lambda service, name, data, by: service.desks.people.set_skills(name, data, by),
    ),
    _command(
        "same-as",
        "Record that two names are one person",
        "From now on, a duty of one name counts for the other too. It cannot be undone.",
        LinkPersonName,
        lambda service, name, data, by: service.desks.people.same_as(name, data, by),
    ),
)
