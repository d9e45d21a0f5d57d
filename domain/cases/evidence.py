"""Evidence for a decision: a signal of the order, or a file named by its digest."""

import re
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domain.personal_data import PERSONAL
from domain.texts import form, one_line

EvidenceRef = Annotated[str, one_line(300, least=1)]
"""A signal (`source/id`) or a file (`sha256:…`)."""
_FILE_DIGEST = "sha256:[0-9a-f]{64}"
FileDigest = Annotated[str, form(_FILE_DIGEST, "`sha256:` and 64 hexadecimal digits in lower case")]


def is_file_ref(ref: str) -> bool:
    """Whether the text can name an evidence file: it is a FileDigest."""
    return re.fullmatch(_FILE_DIGEST, ref) is not None


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
