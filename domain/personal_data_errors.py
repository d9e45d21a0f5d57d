"""Errors about personal data: it cannot be read, stored or erased."""

from domain.errors import CasetrailError


class KeyStoreUnavailable(CasetrailError):
    """The keys of personal data cannot be reached."""

    explanation = (
        "Personal data can be neither read nor stored without its keys; nothing was stored. Try "
        "again. If the error stays, ask an operator to check the key store."
    )


class UnderLegalHold(CasetrailError):
    """The customer's data is under a legal hold."""

    explanation = (
        "The data must be kept while a hold is active; the detail names each hold and its reason. "
        "Release the holds, then order the erasure again."
    )


class CustomerStillServed(CasetrailError):
    """The customer has open cases or pending payments."""

    explanation = (
        "Open cases and pending payments need the data. Finish the ones that the detail names, then "
        "order the erasure again."
    )


class CustomerUnknown(CasetrailError):
    """No order of this customer is known."""

    explanation = "Give the shop's customer id exactly as the shop writes it."


class NothingToErase(CasetrailError):
    """No personal data is held of this order."""

    explanation = "It was erased already, or none was ever stored. Nothing needs to be done."


class NoSuchHold(CasetrailError):
    """There is no such active legal hold."""

    explanation = "List the customer's holds and name one that was not released."


class StoredInTheClear(CasetrailError):
    """Some of the customer's data was stored unencrypted."""

    explanation = (
        "The log is append-only, so destroying a key cannot erase data that was stored before sealing "
        "began. The detail names the positions."
    )
