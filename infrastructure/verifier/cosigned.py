"""The witnesses of a policy that have cosigned a checkpoint."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from infrastructure.verifier import notes
from infrastructure.verifier.bundle_format import Fault
from infrastructure.verifier.trust_policy import TrustPolicy

QUORUM: Final = "quorum"


class Outcome(StrEnum):
    """What a verdict amounts to."""

    VERIFIED = "verified"
    NOT_COSIGNED = "not_cosigned"
    """Everything in it is right, and the quorum of the policy has not cosigned it (yet, or as far as it can be
    checked here)."""
    BROKEN = "broken"
    """Something in it is wrong."""


class Cosigned(NamedTuple):
    """A witness, by its name in the policy, and the POSIX time of its cosignature."""

    witness: str
    at: int

    @property
    def document(self) -> dict[str, str | int]:
        """As both verifiers print it: bytes of the name that are not UTF-8 become U+FFFD."""
        name = self.witness.encode(errors="surrogateescape").decode(errors="replace")
        return {"witness": name, "at": self.at}


class Cosignatures(NamedTuple):
    """The cosignatures of the witnesses of a policy, in its order."""

    cosigned: Sequence[Cosigned]
    broken: Sequence[str]
    """The witnesses whose line is there and not valid."""

    @property
    def names(self) -> Sequence[str]:
        return [one.witness for one in self.cosigned]


def find_cosignatures(note: bytes, policy: TrustPolicy) -> Cosignatures:
    """The cosignatures on a note. Of several lines of one key, the first counts. Raises NoteBroken for a
    malformed note."""
    found, broken = list[Cosigned](), list[str]()
    for witness in policy.witnesses:
        if not notes.has_line_of(witness.key, note):
            continue
        try:
            found.append(Cosigned(witness.name, notes.cosignature_time(note, witness.key)))
        except notes.NoteBroken:
            broken.append(witness.name)
    return Cosignatures(found, broken)


def outcome_of(faults: Sequence[Fault]) -> Outcome:
    """What these faults amount to: a missing cosignature is no sign of a forgery."""
    if not faults:
        return Outcome.VERIFIED
    is_only_quorum = all(fault.code == QUORUM for fault in faults)
    return Outcome.NOT_COSIGNED if is_only_quorum else Outcome.BROKEN


def quorum_faults(found: Cosignatures, policy: TrustPolicy, file: str) -> list[Fault]:
    """The faults of a note's cosignatures by a policy."""
    faults = [
        Fault("witness", file, f"the cosignature of {name} is not valid") for name in found.broken
    ]
    if not policy.is_quorum(found.names):
        has = ", ".join(found.names) or "no witness of the policy"
        detail = f"the quorum {policy.quorum} is not reached: {has} has cosigned it"
        faults.append(Fault(QUORUM, file, detail))
    return faults
