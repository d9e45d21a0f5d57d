"""Explanations of problem types, at the address in the `type` of a problem."""

from litestar import get
from litestar.params import FromPath
from msgspec import Struct

from api.http.errors import RouteNotFound
from api.http.problem_statuses import STATUS
from api.http.problems import BY_SLUG, title


class ProblemType(Struct, frozen=True):
    type: str
    title: str
    status: int
    explanation: str


@get(
    "/problems/{name:str}", summary="Explain a problem", sync_to_thread=False, opt={"public": True}
)
def explain_problem(name: FromPath[str]) -> ProblemType:
    """What a problem's `type` means, and what to do about it. The name is the end of that address."""
    kind = BY_SLUG.get(name)
    if kind is None:
        known = ", ".join(sorted(BY_SLUG))
        raise RouteNotFound(f"no problem type {name}; known are: {known}")
    return ProblemType(f"/problems/{name}", title(kind), STATUS[kind], kind.explanation)
