"""Accepted losses in a bundle: each line of the checkpoint about one, against its event and the roots."""

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, NamedTuple

from domain.merkle.tree import Frontier
from infrastructure.verifier import notes
from infrastructure.verifier.bundle_format import CHECKPOINT_FILE, EVENTS_FILE, EventRun, Fault

_TYPE: Final = "log.loss_accepted"
_MARK: Final = f'"{_TYPE}"'.encode()
_COUNT = "0|[1-9][0-9]{0,15}"
_LINE = re.compile(rf"lost ({_COUNT}) ({_COUNT}) ([^ ]+) ({_COUNT}) ([A-Za-z0-9+/=]{{44}})")


_HEX = re.compile("[0-9a-f]{64}")


class StatedLoss(NamedTuple):
    """A line of a checkpoint: `lost FIRST LAST ORIGIN SIZE ROOT`."""

    first: int
    """The first lost position; the event there says that the loss was accepted."""
    last: int
    origin: str
    size: int
    """That of the last checkpoint of that origin."""
    root: str


def stated_losses(checkpoint: notes.Checkpoint) -> list[StatedLoss]:
    """The losses that a checkpoint names. Other further lines mean nothing here."""
    found = []
    for line in checkpoint.extension.split("\n"):
        one = _LINE.fullmatch(line)
        try:
            root = notes.decode_base64(one[5]) if one is not None else b""
        except notes.NoteBroken:
            continue
        if one is not None and len(root) == 32:
            found.append(StatedLoss(int(one[1]), int(one[2]), one[3], int(one[4]), root.hex()))
    return found


class LossCheck:
    """Collects what a bundle has about the stated losses, while its root is computed."""

    def __init__(self, stated: Sequence[StatedLoss], runs: Sequence[EventRun]) -> None:
        self.stated = stated
        self._events = [
            loss for loss in stated if any(run.first <= loss.first < run.end for run in runs)
        ]
        self.stops = frozenset(loss.first - 1 for loss in self._events)
        """The sizes at which `look_at` wants the tree."""
        self._trees: dict[int, Frontier] = {}
        self._found: dict[int, Any] = {}

    def look_at(self, tree: Frontier) -> None:
        if tree.size in self.stops and tree.size not in self._trees:
            self._trees[tree.size] = deepcopy(tree)

    def add(self, position: int, envelope: bytes) -> None:
        if _MARK in envelope:
            try:
                event = json.loads(envelope.decode(), parse_constant=_no_number)["event"]
                if event["type"] == _TYPE:
                    self._found[position] = event
            except (ValueError, KeyError, TypeError, RecursionError):
                self._found[position] = None

    @property
    def faults(self) -> list[Fault]:
        expected = {loss.first: loss for loss in self._events}
        faults = []
        for position in sorted(self._found.keys() - expected.keys()):
            detail = "it accepts a loss that the checkpoint does not name"
            faults.append(Fault("loss", EVENTS_FILE, detail, None, position))
        for position, loss in sorted(expected.items()):
            if position not in self._found:
                detail = f"no event at position {position} accepts the loss that it names"
                faults.append(Fault("loss", CHECKPOINT_FILE, detail))
            elif (wrong := _difference(loss, self._found[position], self._trees)) is not None:
                faults.append(Fault("loss", EVENTS_FILE, wrong, None, position))
        return faults


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _difference(loss: StatedLoss, event: Any, trees: Mapping[int, Frontier]) -> str | None:
    """How the event differs from the checkpoint's line, or from the tree before it."""
    try:
        names = ("kept", "last", "before", "signed", "signed_root")
        told = tuple(event.get(name) for name in names)
        if told != (loss.first - 1, *loss[1:]):
            return "the accepted loss is not the one that the checkpoint names"
        tree, at = trees[loss.first - 1], loss.first
        if event.get("kept_root") != tree.root().hex():
            return "the positions that were left do not have the root that the accepted loss names"
        known = {one["position"]: _HEX.fullmatch(one["leaf"]) for one in event.get("missing") or ()}
        while at <= loss.size and (leaf := known.get(at)) is not None:
            tree.push(0, bytes.fromhex(leaf[0]))
            at += 1
    except (KeyError, TypeError, AttributeError):
        return "the accepted loss cannot be read"
    if at == loss.size + 1 and tree.root().hex() != loss.root:
        return "the lost leaves do not have the root that was signed before the loss"
    return None
