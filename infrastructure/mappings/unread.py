"""Which leaves of a delivery no expression has read."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

Path = tuple[str | int, ...]


class ReadLeaves:
    """A copy of plain data that remembers which of its leaves were read.

    JMESPath takes the members of an object by `get`, and the items of a list by index or by iterating.
    """

    def __init__(self, data: object) -> None:
        self._read: set[Path] = set()
        self._leaves: dict[Path, object] = {}
        self.data = self._watched(data, ())

    def unread(self) -> dict[str, object]:
        """The leaves with a value that nobody read, by path with `[]` for every index; each with an example."""
        found: dict[str, object] = {}
        for path, value in self._leaves.items():
            if path not in self._read and value not in (None, ""):
                found.setdefault(_text_of(path), value)
        return found

    def read_all(self, value: object) -> None:
        """A value was taken as a whole."""
        if isinstance(value, _WatchedObject):
            for one in dict.values(value):
                self.read_all(one)
            self._read.update(value.leaves.values())
        elif isinstance(value, _WatchedList):
            for one in list.__iter__(value):
                self.read_all(one)
            self._read.update(value.leaves.values())

    def _watched(self, data: object, path: Path) -> Any:
        if isinstance(data, dict):
            watched = _WatchedObject({k: self._watched(v, (*path, k)) for k, v in data.items()})
            watched.leaves = self._leaves_of(list(data.items()), path)
            watched.read = self._read
            return watched
        if isinstance(data, list):
            items = _WatchedList([self._watched(v, (*path, n)) for n, v in enumerate(data)])
            items.leaves = self._leaves_of(list(enumerate(data)), path)
            items.read = self._read
            return items
        return data

    def _leaves_of(self, members: Sequence[tuple[Any, object]], path: Path) -> dict[Any, Path]:
        leaves = {key: one for key, one in members if not isinstance(one, dict | list)}
        self._leaves.update({(*path, key): one for key, one in leaves.items()})
        return {key: (*path, key) for key in leaves}


class _WatchedObject(dict[str, Any]):
    leaves: dict[str, Path]
    read: set[Path]

    def get(self, key: str, default: Any = None) -> Any:
        if key in self.leaves:
            self.read.add(self.leaves[key])
        return super().get(key, default)

    def values(self) -> Any:
        self.read.update(self.leaves.values())
        return super().values()


class _WatchedList(list[Any]):
    leaves: dict[int, Path]
    read: set[Path]

    def __getitem__(self, index: Any) -> Any:
        places = range(len(self))[index]
        for n in [places] if isinstance(places, int) else places:
            if n in self.leaves:
                self.read.add(self.leaves[n])
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        self.read.update(self.leaves.values())
        return super().__iter__()


# JMESPath knows types by these names.
_WatchedObject.__name__ = "dict"
_WatchedList.__name__ = "list"


def _text_of(path: Path) -> str:
    text = ""
    for step in path:
        text += "[]" if isinstance(step, int) else f".{step}" if text else step
    return text


def is_listed(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path fits one of the patterns, in which `*` stands for any text."""
    # fnmatch reads brackets as a set of characters.
    plain = path.replace("[]", "()")
    return any(fnmatchcase(plain, pattern.replace("[]", "()")) for pattern in patterns)
