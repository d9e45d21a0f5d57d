"""Trust policies: which logs and witnesses are known, and which witnesses must have cosigned a checkpoint
(c2sp.org/tlog-policy)."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from infrastructure.verifier import notes

NONE: Final = "none"
_LINE_CHARACTERS: Final = re.compile(rb"[\x09\x20-\x7e\x80-\xff]*")
_NUMBER: Final = re.compile("[1-9][0-9]{0,8}")


class PolicyBroken(ValueError):
    """A trust policy is malformed. `line` counts from 1; None if it concerns the whole file."""

    def __init__(self, detail: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {detail}" if line is not None else detail)
        self.line = line


class KnownLog(NamedTuple):
    key: notes.Key
    url: str | None = None


class Witness(NamedTuple):
    """A witness; the name has a meaning only within its policy."""

    name: str
    key: notes.Key
    url: str | None = None


class Group(NamedTuple):
    """Members (witnesses or groups) of which at least `least` must have witnessed a checkpoint."""

    least: int
    members: Sequence[str]


class TrustPolicy(NamedTuple):
    """A policy. `quorum` names a witness or a group; None: no cosignature is required."""

    logs: Sequence[KnownLog]
    witnesses: Sequence[Witness]
    groups: Mapping[str, Group]
    quorum: str | None

    def is_quorum(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses, by name, are enough."""
        if self.quorum is None:
            return True
        known = {witness.name for witness in self.witnesses}
        reached = {name for name in cosigned if name in known}
        # A group refers to names defined before it.
        for name, group in self.groups.items():
            if sum(member in reached for member in group.members) >= group.least:
                reached.add(name)
        return self.quorum in reached

    def with_logs(self, keys: Iterable[notes.Key]) -> "TrustPolicy":
        """The policy with these logs before its own."""
        return self._replace(logs=[*(KnownLog(key) for key in keys), *self.logs])


NO_WITNESS: Final = TrustPolicy([], [], {}, None)
"""The policy that requires no cosignature."""


def single_witness(key: notes.Key, url: str | None = None) -> TrustPolicy:
    """The policy that requires the cosignature of this witness."""
    return TrustPolicy([], [Witness(key.name, key, url)], {}, key.name)


def parse_policy(content: bytes) -> TrustPolicy:
    """Parse a policy file. Raises PolicyBroken."""
    *lines, rest = content.split(b"\n")
    if rest:
        raise PolicyBroken("the last line must end with a newline", len(lines) + 1)
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        if _LINE_CHARACTERS.fullmatch(line) is None:
            raise PolicyBroken("control characters other than tab are not allowed", number)
        # Bytes that are not UTF-8 are opaque: each stays a character of its own.
        text = line.decode(errors="surrogateescape").strip(" \t")
        if text and not text.startswith("#"):
            try:
                reader.read(*re.split("[ \t]+", text))
            except ValueError as error:
                raise PolicyBroken(str(error), number) from None
    return reader.policy()


class _Reader:
    """Reads a policy line by line. Methods raise ValueError for a broken line."""

    def __init__(self) -> None:
        self._logs: list[KnownLog] = []
        self._witnesses: dict[str, Witness] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum: str | None = None

    def policy(self) -> TrustPolicy:
        if self._quorum is None:
            raise PolicyBroken("there is no quorum line: write `quorum NAME` or `quorum none`")
        quorum = None if self._quorum == NONE else self._quorum
        return TrustPolicy(self._logs, [*self._witnesses.values()], self._groups, quorum)

    def read(self, word: str, *rest: str) -> None:
        match word, rest:
            case "log", (text, *url) if len(url) < 2:
                key = notes.parse_key(text)
                self._require_new_key(key, [log.key for log in self._logs])
                self._logs.append(KnownLog(key, *url))
            case "witness", (name, text, *url) if len(url) < 2:
                self._require_new_name(name)
                key = notes.parse_witness_key(text)
                self._require_new_key(key, [other.key for other in self._witnesses.values()])
                self._witnesses[name] = Witness(name, key, *url)
            case "group", (name, least, *members) if members:
                self._require_new_name(name)
                self._groups[name] = Group(_least_of(least, len(members)), members)
                for member in members:
                    self._add_member(name, member)
            case "quorum", (name,):
                if self._quorum is not None:
                    raise ValueError("there is a quorum line already")
                if name != NONE and name not in self._witnesses and name not in self._groups:
                    raise ValueError(f"no line above defines {name!a}")
                self._quorum = name
            case _:
                raise ValueError(
                    "a line must be `log KEY [URL]`, `witness NAME KEY [URL]`, "
                    "`group NAME all|any|NUMBER NAME…` or `quorum NAME`"
                )

    def _require_new_name(self, name: str) -> None:
        if name == NONE:
            raise ValueError("`none` cannot be defined: it means no witness")
        if name in self._witnesses or name in self._groups:
            raise ValueError(f"{name!a} is defined already")

    def _require_new_key(self, key: notes.Key, known: Sequence[notes.Key]) -> None:
        if any(key.public == other.public for other in known):
            raise ValueError("an earlier line has this public key, perhaps under another name")

    def _add_member(self, group: str, name: str) -> None:
        if name == group or (name not in self._witnesses and name not in self._groups):
            raise ValueError(f"no line above defines {name!a}")
        if name in self._members:
            raise ValueError(f"{name!a} is a member of a group already")
        self._members.add(name)


def _least_of(text: str, count: int) -> int:
    """The number of members that are needed: `any`, `all` or a number."""
    if text in ("any", "all"):
        return 1 if text == "any" else count
    if _NUMBER.fullmatch(text) is None or not 1 <= int(text) <= count:
        raise ValueError(f"{text!a} must be `any`, `all`, or a number from 1 to {count}")
    return int(text)
