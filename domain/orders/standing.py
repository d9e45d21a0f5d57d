"""The statements that count: those that no other statement replaces or retracts.

A statement counts unless one that counts names it. Of two that replace one, the later counts. Names
that form a circle are ignored, as if none had been given.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import UnsetType

from domain.orders.notices import Notice
from domain.orders.signal_body import OWN_SOURCE, SignalRetracted, given
from domain.orders.signals import Signal, event_time_key


def named_statement(signal: Signal) -> str | None:
    """The key of the statement that this one retracts or replaces; None if it names none."""
    if isinstance(signal, SignalRetracted):
        return f"{_source_of_retracted(signal)}/{signal.of}"
    if isinstance(signal.replaces, UnsetType):
        return None
    return f"{signal.source}/{signal.replaces}"


def _source_of_retracted(signal: SignalRetracted) -> str:
    """Only the service takes back statements of other sources."""
    other = given(signal.of_source) if signal.source == OWN_SOURCE else None
    return other or signal.source


def standing(signals: Iterable[Signal]) -> list[Signal]:
    """The statements that count, by event time and identity."""
    ranked = sorted(signals, key=event_time_key)
    names = {s.key: target for s in ranked if (target := named_statement(s)) is not None}
    if not names:
        return ranked
    fallen = find_fallen(ranked, names)
    return [signal for signal in ranked if signal.key not in fallen]


def find_fallen(ranked: Sequence[Signal], names: Mapping[str, str]) -> set[str]:
    """The statements that do not count, since others replace or retract them.

    `ranked` is sorted; `names` has the statement that each one names.
    """
    circle = _in_circles(names)
    namers: dict[str, list[Signal]] = {}
    for signal in ranked:
        target = names.get(signal.key)
        if target is not None and not (signal.key in circle and target in circle):
            namers.setdefault(target, []).append(signal)
    fallen: set[str] = set()
    decided: set[str] = set()

    def decide(key: str) -> None:
        # A chain of corrections may be long, so this does not recurse.
        waiting = [key]
        while waiting:
            current = waiting[-1]
            open_namers = [s.key for s in namers.get(current, ()) if s.key not in decided]
            if open_namers:
                waiting += open_namers
                continue
            waiting.pop()
            if current in decided:
                continue
            decided.add(current)
            standing_namers = [s for s in namers.get(current, ()) if s.key not in fallen]
            if standing_namers:
                fallen.add(current)
            replacing = [s for s in standing_namers if not isinstance(s, SignalRetracted)]
            fallen.update(earlier.key for earlier in replacing[:-1])

    for signal in ranked:
        decide(signal.key)
    return fallen


def _in_circles(names: Mapping[str, str]) -> frozenset[str]:
    """The statements that lead back to themselves. Each one names at most one other."""
    found: set[str] = set()
    seen: set[str] = set()
    for start in names:
        path: list[str] = []
        current: str | None = start
        while current is not None and current not in seen:
            seen.add(current)
            path.append(current)
            current = names.get(current)
        if current is not None and current in path:
            found.update(path[path.index(current) :])
    return frozenset(found)


def find_correction_notices(signals: Iterable[Signal]) -> list[Notice]:
    """What is odd about corrections: they name nothing that is known, or each other in a circle."""
    known = {signal.key: signal for signal in signals}
    names = {
        key: target for key, one in known.items() if (target := named_statement(one)) is not None
    }
    if not names:
        return []
    circle = _in_circles(names)
    found = []
    for key, target in names.items():
        field = "of" if isinstance(known[key], SignalRetracted) else "replaces"
        if target not in known:
            detail = (
                f"the order has no statement {target} yet; this one counts against it once it arrives. "
                "Check the id: it is an id of the same source"
            )
        elif target == key:
            detail = (
                "the statement names itself, which is ignored. Name the id of an earlier statement of the "
                "same source, and give the correction an id of its own"
            )
        elif key in circle:
            detail = (
                f"the statement and {target} name each other in a circle, which is ignored. Send what is "
                "right under a new id that names one of them"
            )
        else:
            continue
        found.append(Notice(signal=key, pointer=f"/{field}", detail=detail))
    return found
