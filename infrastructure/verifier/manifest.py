"""What a manifest must be: of a grammar so strict that no two readers take one for different things."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from infrastructure.verifier.bundle_format import (
    FORMAT,
    MANIFEST_FILE,
    MAX_COUNT,
    REQUIRED_FILES,
    SINCE_FILE,
    BundleBroken,
    Fault,
)
from infrastructure.verifier.notes import Key, NoteBroken, open_note
from infrastructure.verifier.population import (
    AMOUNT_PATTERN,
    CURRENCY_PATTERN,
    SUM_PATTERN,
    TIME_PATTERN,
)

_MANIFEST_FIELDS: Final = {"format", "question", "size", "since", "events", "answer", "files"}
_DIGEST: Final = re.compile("[0-9a-f]{64}")


class _QuestionFields(NamedTuple):
    """What a question has beside `ask`."""

    always: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()


_QUESTION_FIELDS: Final = {
    "everything": _QuestionFields(),
    "case": _QuestionFields(frozenset({"case"})),
    "period": _QuestionFields(frozenset({"from", "to"})),
    "population": _QuestionFields(
        frozenset({"type"}), frozenset({"kind", "over", "currency", "from", "to"})
    ),
}
_FIELD_PATTERNS: Final = {
    "case": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "over": re.compile(AMOUNT_PATTERN),
    "from": re.compile(TIME_PATTERN),
    "to": re.compile(TIME_PATTERN),
}


def read_manifest(note: bytes, key: Key) -> dict[str, Any]:
    """Raises Broken."""
    try:
        text = open_note(note, key)
        found = json.loads(text)
        # In its one spelling no name stands twice, and no number is written as another one is.
        is_canonical = text == json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    except (NoteBroken, ValueError, RecursionError) as error:
        raise _manifest_fault(f"the manifest is not as signed: {error}") from None
    if not is_canonical or not _is_valid_manifest(found):
        raise _manifest_fault(f"the manifest is not what one of {FORMAT} must be")
    return found  # type: ignore[no-any-return]


def _is_valid_manifest(manifest: Any) -> bool:
    """It was signed, but perhaps not by whom one would think."""
    if not isinstance(manifest, dict) or manifest.keys() != _MANIFEST_FIELDS:
        return False
    size, since = manifest["size"], manifest["since"]
    return (
        manifest["format"] == FORMAT
        and all(_is_count(one) for one in (size, since, manifest["events"]))
        and since <= size > 0
        and _is_question(manifest["question"])
        and _is_answer(manifest["answer"], manifest["question"]["ask"] == "population")
        and (since == 0 or manifest["question"]["ask"] == "population")
        and _are_files(
            manifest["files"], {*REQUIRED_FILES, SINCE_FILE} if since else {*REQUIRED_FILES}
        )
    )


def _is_count(told: Any) -> bool:
    return type(told) is int and 0 <= told <= MAX_COUNT


def _is_question(told: Any) -> bool:
    if not isinstance(told, dict) or not all(isinstance(one, str) for one in told.values()):
        return False
    asked = _QUESTION_FIELDS.get(told.get("ask", ""))
    return (
        asked is not None
        and {"ask", *asked.always} <= told.keys() <= {"ask", *asked.always, *asked.perhaps}
        and all(
            _FIELD_PATTERNS[name].fullmatch(told[name])
            for name in told.keys() & _FIELD_PATTERNS.keys()
        )
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
        and all(re.fullmatch(CURRENCY_PATTERN, name) for name in sums)
        and all(isinstance(one, str) and re.fullmatch(SUM_PATTERN, one) for one in sums.values())
    )


def _are_files(told: Any, names: set[str]) -> bool:
    return (
        isinstance(told, dict)
        and told.keys() == names
        and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in told.values())
    )


def _manifest_fault(detail: str) -> BundleBroken:
    return BundleBroken(Fault("manifest", MANIFEST_FILE, detail))
