"""Reads policy files: YAML in, a validated rulebook out."""

from pathlib import Path

import yaml

from domain.errors import Fault, Invalid
from domain.policy.reader import find_size_fault, read_policy
from domain.policy.rulebook import Rulebook
from domain.validation import unescape_pointer_token
from infrastructure.encoded_text import TextTooLong, UnreadableText, read_text
from infrastructure.policies.public_holidays import expand_holidays

DEFAULT_POLICY_FILE = Path(__file__).parent / "default.yaml"
LARGEST_BYTES = 1 << 20
_PARSER_ERRORS = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""PyYAML's errors for a list as a key, `!!bool maybe`, an empty `!!int`, and so on."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without duplicate keys. Dates stay text, as the document's types require."""


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[object, object]:
    found: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, f"duplicate key {key!r}", key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def _construct_text(loader: _StrictLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _construct_text)


def load_policy(file: Path = DEFAULT_POLICY_FILE) -> Rulebook:
    """The rulebook of a policy file. Raises Invalid with every fault, and OSError if the file cannot
    be read."""
    if file.stat().st_size > LARGEST_BYTES:
        raise Invalid([Fault("", f"larger than {LARGEST_BYTES} bytes")], str(file))
    try:
        # _StrictLoader is a SafeLoader: it makes plain data only.
        text = read_text(file, LARGEST_BYTES)
        raw = yaml.load(text, Loader=_StrictLoader)
    except (UnreadableText, TextTooLong) as error:
        raise Invalid([Fault("", str(error))], str(file)) from None
    except (yaml.YAMLError, *_PARSER_ERRORS) as error:
        raise Invalid([Fault("", f"not readable as YAML: {error}")], str(file)) from None
    try:
        return parse_rulebook(raw)
    except Invalid as refused:
        lines = _LineNumbers(text)
        faults = [
            Fault(f.pointer, f"line {lines.of(f.pointer)}: {f.detail}") for f in refused.faults
        ]
        raise Invalid(faults, str(file)) from None


class _LineNumbers:
    def __init__(self, text: str) -> None:
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)

    def of(self, pointer: str) -> int:
        """The line of the part that a pointer names; of what should hold it, if it is missing."""
        node, line = self._root, 1
        for step in map(unescape_pointer_token, pointer.split("/")[1:]):
            if isinstance(node, yaml.MappingNode):
                pairs = ((key, value) for key, value in node.value if key.value == step)
                key, node = next(pairs, (None, None))
                line = key.start_mark.line + 1 if key is not None else line
            elif isinstance(node, yaml.SequenceNode) and step.isdigit():
                node = node.value[int(step)] if int(step) < len(node.value) else None
                line = node.start_mark.line + 1 if node is not None else line
            else:
                break
        return line


def parse_rulebook(raw: object) -> Rulebook:
    """The rulebook of a policy as written in a file, with holidays by region. Raises Invalid with
    every fault."""
    # An oversized policy is refused before its holidays are looked up.
    plain, faults = expand_holidays(raw) if find_size_fault(raw) is None else (raw, [])
    try:
        rulebook = read_policy(plain)
    except Invalid as refused:
        raise Invalid([*faults, *refused.faults], "policy") from None
    if faults:
        raise Invalid(faults, "policy")
    return rulebook
