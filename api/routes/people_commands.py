"""What is done about people: each is one entry of the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, RawBody

from api.http.commands import as_command, carry_out
from api.http.concurrency import post
from api.http.query import IdempotencyKey
from api.http.responses import Answer
from api.http.service import Service
from api.routes.people import Asking, PersonView, person_view
from application.log.caller import Caller
from application.people.people_desk import Changed, PeopleDesk
from domain.grants import AddPerson, ChangeStanding, GiveRole, NameOther, SetSkills
from domain.people import Person
from domain.permissions import Permission


@post("/people", needs=Permission.MANAGE_PEOPLE, status_code=200, summary="Add a person")
def add_person(
    request: Asking,
    service: NamedDependency[Service],
    data: JSONBody[AddPerson],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[PersonView]:
    """Somebody new; each role is a grant without scope and without end."""

    def act(desk: PeopleDesk, by: Caller) -> Changed:
        return desk.add(data.name, data.roles, by.now, data.skills, by)

    return _done(request, service, body, key, act)


@post(
    "/people/{name:str}/grants/{grant:str}/revoke",
    needs=Permission.MANAGE_PEOPLE,
    status_code=200,
    summary="Take a grant back",
)
def revoke_grant(
    request: Asking,
    name: FromPath[str],
    grant: FromPath[str],
    service: NamedDependency[Service],
    data: JSONBody[ChangeStanding],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[PersonView]:
    """It gives nothing from here on, within seconds, and stays in the record."""
    return _done(request, service, body, key, lambda desk, by: desk.revoke(name, grant, data, by))


def _done(
    request: Asking,
    service: Service,
    body: bytes,
    key: str | None,
    act: Callable[[PeopleDesk, Caller], Changed],
) -> Response[Any]:
    now = service.desks.clock()

    def work(by: Caller) -> tuple[Person, int]:
        done = act(service.desks.people, by)
        return done.person, done.position

    return carry_out(
        request, service, body, key, work, lambda person: Answer(person_view(person, now))
    )


def _command(
    name: str,
    words: str,
    doc: str,
    kind: Any,
    act: Callable[[Service, str, Any, Caller], Changed],
) -> HTTPRouteHandler:
    """A command on a person, whose body is of this type."""

    def handler(
        request: Asking,
        name: FromPath[str],
        service: NamedDependency[Service],
        data: Any,
        body: RawBody,
        key: IdempotencyKey = None,
    ) -> Response[PersonView]:
        return _done(request, service, body, key, lambda _, by: act(service, name, data, by))

    path = f"/people/{{name:str}}/{name}"
    return post(path, needs=Permission.MANAGE_PEOPLE, status_code=200, summary=words)(
        as_command(handler, f"person_{name}", doc, kind)
    )


def _give(service: Service, name: str, ask: GiveRole, by: Caller) -> Changed:
    queues = service.desks.policy.current.document.queues
    return service.desks.people.give(name, ask, queues, by)


PEOPLE_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    add_person,
    revoke_grant,
    _command(
        "grants",
        "Give a person a role",
        "In some queues and regions or in all, until a time or for good. Nobody gives any to "
        "themselves, under whatever name.",
        GiveRole,
        _give,
    ),
    _command(
        "leave",
        "A person has left",
        "Under all names: nothing more may be done with them, within seconds. All stays in the record.",
        ChangeStanding,
        lambda service, name, ask, by: service.desks.people.leave(name, ask, by),
    ),
    _command(
        "return",
        "A person has come back",
        "Under this name: the grants that have not ended are good again.",
        ChangeStanding,
        lambda service, name, ask, by: service.desks.people.come_back(name, ask, by),
    ),
    _command(
        "skills",
        "Say what a person is skilled in",
        "Which work claim-next offers; without any, all of it.",
        SetSkills,
        lambda service, name, ask, by: service.desks.people.set_skills(name, ask, by),
    ),
    _command(
        "same-as",
        "Two names are one human",
        "From here on no duty of one can fall to the other. It cannot be undone.",
        NameOther,
        lambda service, name, ask, by: service.desks.people.same_as(name, ask, by),
    ),
)
