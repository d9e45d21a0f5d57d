"""Reads a manifest. Its grammar is so strict that all readers must read it the same way."""

import json
import re
from typing import Any, Final

from infrastructure.verifier import bundle_format
from infrastructure.verifier.notes import Key, NoteBroken, open_note
from infrastructure.verifier.population import (
    AMOUNT_PATTERN,
    CURRENCY_PATTERN,
    SUM_PATTERN,
    TIME_PATTERN,
)

_MANIFEST_FIELDS: Final = {"format", "question", "size", "since", "events", "answer", "files"}
_DIGEST: Final = re.compile("[0-9a-f]{64}")


_QUESTION_FIELDS: Final = {
    "everything": {"ask"},
    "case": {"ask", "case"},
    "period": {"ask", "from", "to"},
    "population": {"ask", "type"},
}
_OPTIONAL_FIELDS: Final = {"population": {"kind", "over", "currency", "from", "to"}}
_FIELD_PATTERNS: Final = {
    "case": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "over": re.compile(AMOUNT_PATTERN),
    "from": re.compile(TIME_PATTERN),
    "to": re.compile(TIME_PATTERN),
}


def read_manifest(note: bytes, key: Key) -> dict[str, Any]:
    """The content of a manifest. Raises BundleBroken."""
    try:
        text = open_note(note, key)
        found = json.loads(text)
        # The canonical spelling excludes duplicate names and other spellings of a number.
        is_canonical = text == json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    except (NoteBroken, ValueError, RecursionError) as error:
        raise _manifest_fault(f"the manifest cannot be verified: {error}") from None
    if not is_canonical or not _is_valid_manifest(found):
        raise _manifest_fault(f"the manifest is not valid for {bundle_format.FORMAT}")
    return found  # type: ignore[no-any-return]


def _is_valid_manifest(manifest: Any) -> bool:
    """Whether a signed manifest is well-formed: the signer need not be trusted."""
    if not isinstance(manifest, dict) or manifest.keys() != _MANIFEST_FIELDS:
        return False
    size, since = manifest["size"], manifest["since"]
    return (
        manifest["format"] == bundle_format.FORMAT
        and all(map(_is_count, (size, since, manifest["events"])))
        and since <= size > 0
        and _is_question(manifest["question"])
        and _is_answer(manifest["answer"], manifest["question"]["ask"] == "population")
        and (since == 0 or manifest["question"]["ask"] == "population")
        and _are_files(
            manifest["files"],
            {*bundle_format.REQUIRED_FILES, bundle_format.SINCE_FILE}
            if since
            else {*bundle_format.REQUIRED_FILES},
        )
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= bundle_format.MAX_COUNT


def _is_question(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        return False
    ask = value.get("ask", "")
    required, optional = _QUESTION_FIELDS.get(ask), _OPTIONAL_FIELDS.get(ask, set())
    return (
        required is not None
        and required <= value.keys() <= required | optional
        and all(
            _FIELD_PATTERNS[name].fullmatch(value[name])
            for name in value.keys() & _FIELD_PATTERNS.keys()
        )
    )


def _is_answer(value: Any, is_population: bool) -> bool:
    if not is_population:
        return value is None
    if not isinstance(value, dict) or value.keys() != {"count", "sums"}:
        return False
    sums = value["sums"]
    return (
        _is_count(value["count"])
        and isinstance(sums, dict)
        and all(re.fullmatch(CURRENCY_PATTERN, name) for name in sums)
        and all(isinstance(sum_, str) and re.fullmatch(SUM_PATTERN, sum_) for sum_ in sums.values())
    )


def _are_files(value: Any, names: set[str]) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == names
        and all(isinstance(text, str) and _DIGEST.fullmatch(text) for text in value.values())
    )


def _manifest_fault(detail: str) -> bundle_format.BundleBroken:
    return bundle_format.BundleBroken(
        bundle_format.Fault("manifest", bundle_format.MANIFEST_FILE, detail)
    )
