"""Filters by the names of a policy: a misspelt one is an error and no empty list."""

from collections.abc import Callable, Iterable, Sequence

from api.http.errors import MalformedParameter
from application.policy.policy_desk import PolicyDesk
from domain.fault_texts import no_such
from domain.policy.document import PolicyDocument


def require_known_names(
    policy: PolicyDesk, kinds: Sequence[str] = (), queues: Sequence[str] = ()
) -> None:
    """Require that each name is one of a policy of the log: cases keep the kind and queue of an earlier one.

    Raises MalformedParameter with the names of the policy in force.
    """
    _require_known(policy, "kind", kinds, lambda document: document.kinds)
    _require_known(policy, "queue", queues, lambda document: document.queues)


def _require_known(
    policy: PolicyDesk,
    what: str,
    names: Sequence[str],
    known: Callable[[PolicyDocument], Iterable[str]],
) -> None:
    current = {*known(policy.current.document)}
    unknown = [name for name in names if name not in current]
    if unknown:
        earlier = (known(one.document) for one in policy.refresh().policies.values())
        ever = current.union(*earlier)
        for name in unknown:
            if name not in ever:
                raise MalformedParameter(f"{what}={name}: {no_such(what, name, current)}")
