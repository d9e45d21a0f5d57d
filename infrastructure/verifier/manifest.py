"""What a manifest must be: of a grammar so strict that no two readers take one for different things."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from infrastructure.verifier.files import ALWAYS, FORMAT, MANIFEST, MOST, SINCE, Broken, Fault
from infrastructure.verifier.notes import Key, NoteBroken, opened
from infrastructure.verifier.population import AMOUNT, CURRENCY, MOMENT, SUM

_NAMES: Final = {"format", "question", "size", "since", "events", "answer", "files"}
_DIGEST: Final = re.compile("[0-9a-f]{64}")


class _Asked(NamedTuple):
    """What a question has beside `ask`."""

    always: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()


_ASKS: Final = {
    "everything": _Asked(),
    "case": _Asked(frozenset({"case"})),
    "period": _Asked(frozenset({"from", "to"})),
    "population": _Asked(
        frozenset({"type"}), frozenset({"kind", "over", "currency", "from", "to"})
    ),
}
_SHAPES: Final = {
    "case": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "over": re.compile(AMOUNT),
    "from": re.compile(MOMENT),
    "to": re.compile(MOMENT),
}


def manifest_of(note: bytes, key: Key) -> dict[str, Any]:
    """Raises Broken."""
    try:
        text = opened(note, key)
        found = json.loads(text)
        # In its one spelling no name stands twice, and no number is written as another one is.
        is_canonical = text == json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    except (NoteBroken, ValueError, RecursionError) as error:
        raise _broken(f"the manifest is not as signed: {error}") from None
    if not is_canonical or not _is_whole(found):
        raise _broken(f"the manifest is not what one of {FORMAT} must be")
    return found  # type: ignore[no-any-return]


def _is_whole(manifest: Any) -> bool:
    """It was signed, but perhaps not by whom one would think."""
    if not isinstance(manifest, dict) or manifest.keys() != _NAMES:
        return False
    size, since = manifest["size"], manifest["since"]
    return (
        manifest["format"] == FORMAT
        and all(_is_count(one) for one in (size, since, manifest["events"]))
        and since <= size > 0
        and _is_question(manifest["question"])
        and _is_answer(manifest["answer"], manifest["question"]["ask"] == "population")
        and (since == 0 or manifest["question"]["ask"] == "population")
        and _are_files(manifest["files"], {*ALWAYS, SINCE} if since else {*ALWAYS})
    )


def _is_count(told: Any) -> bool:
    return type(told) is int and 0 <= told <= MOST


def _is_question(told: Any) -> bool:
    if not isinstance(told, dict) or not all(isinstance(one, str) for one in told.values()):
        return False
    asked = _ASKS.get(told.get("ask", ""))
    return (
        asked is not None
        and {"ask", *asked.always} <= told.keys() <= {"ask", *asked.always, *asked.perhaps}
        and all(_SHAPES[name].fullmatch(told[name]) for name in told.keys() & _SHAPES.keys())
    )


def _is_answer(told: Any, is_population: bool) -> bool:
    if not is_population:
        return told is None
    if not isinstance(told, dict) or told.keys() != {"count", "sums"}:
        return False
    sums = told["sums"]
    return (
        _is_count(told["count"])
        and isinstance(sums, dict)
        and all(re.fullmatch(CURRENCY, name) for name in sums)
        and all(isinstance(one, str) and re.fullmatch(SUM, one) for one in sums.values())
    )


def _are_files(told: Any, names: set[str]) -> bool:
    return (
        isinstance(told, dict)
        and told.keys() == names
        and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in told.values())
    )


def _broken(detail: str) -> Broken:
    return Broken(Fault("manifest", MANIFEST, detail))
