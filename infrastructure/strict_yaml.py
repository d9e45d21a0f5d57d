"""YAML without surprises: no duplicate keys, dates stay text, anchors and numbers are bounded, and errors say where they are."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from domain.errors import Fault, Invalid
from domain.validation import unescape_pointer_token

MOST_NODES: Final = 200_000
"""Values of a text with what its anchors repeat: a dozen lines can write a thousand billion."""
DEEPEST: Final = 100
_LONGEST_NUMBER: Final = 40
_PARSER_ERRORS: Final = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""PyYAML's errors for a list as a key, `!!bool maybe`, an empty `!!int`, and so on."""
_TAG: Final = "tag:yaml.org,2002:"


class NotYaml(ValueError):
    """The text is not YAML that can be read."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without duplicate keys. Dates stay text, as the documents' types require."""


def _refused(what: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


def _key_of(loader: _StrictLoader, node: yaml.Node) -> object:
    """A key as data; `on`, `off`, `yes`, `no` and `null` are the words that they are."""
    if node.tag in (f"{_TAG}bool", f"{_TAG}null"):
        return node.value
    return loader.construct_object(node, deep=True)


def _refuse_repeated_keys(loader: _StrictLoader, node: yaml.MappingNode) -> None:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == f"{_TAG}merge":
            continue
        key = _key_of(loader, key_node)
        if key in seen:
            raise _refused(f"duplicate key {key!r}", key_node)
        seen.add(key)


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[object, object]:
    _refuse_repeated_keys(loader, node)
    loader.flatten_mapping(
        node
    )  # `<<: *part` takes over the keys of another part that it does not have
    found: dict[object, object] = {}
    for key_node, value_node in node.value:
        found[_key_of(loader, key_node)] = loader.construct_object(value_node, deep=True)
    return found


def _construct_text(loader: _StrictLoader, node: yaml.ScalarNode) -> object:
    text = str(loader.construct_scalar(node))
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _refused("half of a character that UTF-16 writes in two", node)
    return text


def _construct_number(loader: _StrictLoader, node: yaml.ScalarNode) -> object:
    is_whole = node.tag == f"{_TAG}int"
    make = loader.construct_yaml_int if is_whole else loader.construct_yaml_float
    if len(node.value) > _LONGEST_NUMBER:
        raise _refused(f"a number of more than {_LONGEST_NUMBER} characters", node)
    number = make(node)
    if not math.isfinite(number):
        raise _refused(f"{node.value} is no number; write it in quotes if it is a text", node)
    return number


def _refuse_tag(loader: _StrictLoader, node: yaml.Node) -> object:
    raise _refused(f"{node.tag.replace(_TAG, '!!')} is not read: write plain values", node)


_StrictLoader.add_constructor(f"{_TAG}map", _construct_mapping)
for _name in ("str", "timestamp"):
    _StrictLoader.add_constructor(f"{_TAG}{_name}", _construct_text)
for _name in ("int", "float"):
    _StrictLoader.add_constructor(f"{_TAG}{_name}", _construct_number)
for _name in ("set", "binary", "omap", "pairs"):
    _StrictLoader.add_constructor(f"{_TAG}{_name}", _refuse_tag)


def load_yaml(text: str) -> Any:
    """Plain data of a YAML text: objects, lists, texts, finite numbers and truths. Raises NotYaml."""
    try:
        # _StrictLoader is a SafeLoader: it makes plain data only.
        loader = _StrictLoader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _check_size(root)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except (yaml.YAMLError, *_PARSER_ERRORS) as error:
        raise NotYaml(f"not readable as YAML: {error}") from None


def _check_size(root: yaml.Node) -> None:
    """Counts each part once for each place that refers to it, without going there. Raises YAMLError."""
    sizes: dict[int, tuple[int, int]] = {}
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)]
    open_nodes: set[int] = set()
    while waiting:
        node, is_left = waiting.pop()
        children = list(_children(node))
        if not is_left:
            if id(node) in open_nodes:
                raise _refused("an anchor that repeats itself", node)
            if id(node) in sizes:
                continue
            open_nodes.add(id(node))
            waiting.append((node, True))
            waiting += [(one, False) for one in children]
            continue
        open_nodes.discard(id(node))
        size = 1 + sum(sizes[id(one)][0] for one in children)
        depth = 1 + max((sizes[id(one)][1] for one in children), default=0)
        if size > MOST_NODES:
            raise _refused(f"more than {MOST_NODES} values with what its anchors repeat", node)
        if depth > DEEPEST:
            raise _refused(f"nested deeper than {DEEPEST} levels", node)
        sizes[id(node)] = (size, depth)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair


class LineNumbers:
    """The lines of a YAML text, by JSON Pointers of its content."""

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


def invalid_at_lines(faults: Sequence[Fault], text: str, what: str) -> Invalid:
    """The error for faults of a YAML text, each with its line."""
    lines = LineNumbers(text)
    return Invalid(
        [Fault(f.pointer, f"line {lines.of(f.pointer)}: {f.detail}") for f in faults], what
    )
