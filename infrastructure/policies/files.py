"""Policy documents in files: YAML in, a checked rulebook out."""

from __future__ import annotations

from pathlib import Path

import yaml

from domain.errors import Fault, Invalid
from domain.policy.rulebook import Rulebook
from domain.policy.validation import excess, read_policy
from infrastructure.policies.public_holidays import written_out

DEFAULT = Path(__file__).parent / "default.yaml"
LARGEST_BYTES = 1 << 20
_ALSO_RAISED = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""What PyYAML lets out for a key that is a list, `!!bool maybe`, `!!int` of nothing, …"""


class _Strict(yaml.SafeLoader):
    """Safe YAML in which a key may stand once and dates stay text, as the document's types say."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[object, object]:
    found: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _as_text(loader: _Strict, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


_Strict.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def load_policy(file: Path = DEFAULT) -> Rulebook:
    """The rulebook of a policy file.

    Raises Invalid with every fault, and OSError if the file cannot be read.
    """
    if file.stat().st_size > LARGEST_BYTES:
        raise Invalid([Fault("", f"larger than {LARGEST_BYTES} bytes")], str(file))
    try:
        # _Strict is a SafeLoader: it makes plain data only.
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=_Strict)
    except (yaml.YAMLError, *_ALSO_RAISED) as error:
        raise Invalid([Fault("", f"not readable as YAML: {error}")], str(file)) from None
    return rulebook_of(raw)


def rulebook_of(raw: object) -> Rulebook:
    """The rulebook of a policy as it is written, holidays by region and all.

    Raises Invalid with every fault.
    """
    # What is beyond all reason is refused before anything is looked up for it.
    plain, faults = written_out(raw) if excess(raw) is None else (raw, [])
    try:
        rulebook = read_policy(plain)
    except Invalid as refused:
        raise Invalid([*faults, *refused.faults], "policy") from None
    if faults:
        raise Invalid(faults, "policy")
    return rulebook
