"""What can happen to the policy. Every document that ever decided stays in the log whole."""

from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct

from domain.policy.document import PolicyDocument

POLICY_STREAM = uuid5(NAMESPACE_URL, "casetrail:policy")


class PolicyActivated(Struct, frozen=True, kw_only=True, tag="policy.activated"):
    """From here on this document decides. `digest` is the SHA-256 of its canonical JSON."""

    document: PolicyDocument
    digest: str


PolicyEvent: TypeAlias = PolicyActivated
