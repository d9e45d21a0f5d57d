"""Evidence for a decision: a signal of the order, a file named by its digest, or a record of another
system."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct, UnsetType

from domain.errors import Fault, Invalid
from domain.personal_data import PERSONAL
from domain.texts import form, one_line

EvidenceRef = Annotated[str, one_line(300, least=1)]
"""A signal (`source/id`) or a file (`sha256:…`)."""
FILE_PREFIX = "sha256:"
_FILE_DIGEST = f"{FILE_PREFIX}[0-9a-f]{{64}}"
FileDigest = Annotated[str, form(_FILE_DIGEST, "`sha256:` and 64 hexadecimal digits in lower case")]


def is_file_ref(ref: str) -> bool:
    """Whether the text can name an evidence file: it is a FileDigest."""
    return re.fullmatch(_FILE_DIGEST, ref) is not None


UnknownEvidence = tuple[EvidenceRef, ...] | UnsetType
"""The refs of an event that named nothing known when they were cited; UNSET if there are none, or if
nobody checked."""


def require_file_names(refs: Iterable[str], pointer: str) -> None:
    """Require that each ref with the prefix of files can name a file. `pointer` has a place for the ref's
    number. Raises Invalid."""
    faults = [
        Fault(
            pointer.format(n),
            f"{ref!r} does not name a file: `sha256:` and 64 hexadecimal digits in lower case. Upload the "
            "file (POST /v1/evidence), and cite the `ref` of the answer",
        )
        for n, ref in enumerate(refs)
        if ref.startswith(FILE_PREFIX) and not is_file_ref(ref)
    ]
    if faults:
        raise Invalid(faults, "the evidence")


class EvidenceType(StrEnum):
    """Types of evidence: the card schemes' terms for dispute evidence that fit orders."""

    RECEIPT = "receipt"
    REFUND_RECEIPT = "refund_receipt"
    CUSTOMER_COMMUNICATION = "customer_communication"
    SHIPPING_DOCUMENTATION = "shipping_documentation"
    RETURN_DOCUMENTATION = "return_documentation"
    CARRIER_STATEMENT = "carrier_statement"
    PHOTO = "photo"
    SYSTEM_RECORD = "system_record"
    APPROVAL_RECORD = "approval_record"
    OTHER = "other"


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A piece of evidence: an uploaded file, or a record in another system."""

    ref: EvidenceRef
    type: EvidenceType
    title: Annotated[str, one_line(200), PERSONAL] = ""
    media_type: Annotated[str, one_line(100)] = ""
    size: Annotated[int, Meta(ge=0)] = 0


def find_unknown_evidence(
    refs: Iterable[EvidenceRef],
    signals: Container[str],
    attached: Iterable[Evidence],
    is_file_stored: Callable[[str], bool],
) -> tuple[EvidenceRef, ...]:
    """Those of the refs that name no signal of the order, no stored file, and no record of another system
    that is attached as such."""
    known = {
        one.ref
        for one in attached
        if one.type is EvidenceType.SYSTEM_RECORD or one.ref.startswith(FILE_PREFIX)
    }
    return tuple(
        ref
        for ref in dict.fromkeys(refs)
        if ref not in signals
        and ref not in known
        and not (ref.startswith(FILE_PREFIX) and is_file_stored(ref))
    )


_SIGNAL_TYPES: Final[Mapping[str, tuple[EvidenceType, ...]]] = {
    "customer.message": (EvidenceType.CUSTOMER_COMMUNICATION,),
    "customer.claimed": (EvidenceType.CUSTOMER_COMMUNICATION,),
    "payment.captured": (EvidenceType.RECEIPT,),
    "refund.issued": (EvidenceType.REFUND_RECEIPT,),
    "return.": (EvidenceType.RETURN_DOCUMENTATION,),
    "shipment.label_created": (EvidenceType.SHIPPING_DOCUMENTATION,),
    "shipment.handed_over": (EvidenceType.SHIPPING_DOCUMENTATION, EvidenceType.CARRIER_STATEMENT),
    "shipment.": (EvidenceType.CARRIER_STATEMENT,),
    "stock.substitution_decided": (EvidenceType.CUSTOMER_COMMUNICATION,),
}
"""What a signal proves, by the beginning of its type; the longest that fits counts."""


def evidence_types_of(signal_type: str) -> tuple[EvidenceType, ...]:
    """The types of evidence that a recorded signal is. Each is a record of the system that sent it."""
    fitting = [name for name in _SIGNAL_TYPES if signal_type.startswith(name)]
    proves = _SIGNAL_TYPES[max(fitting, key=len)] if fitting else ()
    return (*proves, EvidenceType.SYSTEM_RECORD)
