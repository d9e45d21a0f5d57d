"""Why personal data cannot be read, or not be erased."""

from domain.errors import CasetrailError


class KeyStoreUnavailable(CasetrailError):
    """The keys of personal data cannot be reached."""

    explanation = (
        "What is personal can neither be read nor stored without them, and nothing was stored. Try "
        "again; if it lasts, an operator must look at the key store."
    )


class UnderLegalHold(CasetrailError):
    """The person's data is under a legal hold."""

    explanation = (
        "It must be kept for as long as the hold lasts; the detail says why. Whoever placed it can "
        "release it, and the erasure can then be asked for again."
    )


class CustomerStillServed(CasetrailError):
    """Something of the person's is not finished yet."""

    explanation = (
        "Cases that are open, and payments that are under way, need the data. Finish those that are "
        "named, and ask again."
    )


class CustomerUnknown(CasetrailError):
    """No order of this customer is known."""

    explanation = "Give the id that the shop calls the customer by, letter for letter."


class NoSuchHold(CasetrailError):
    """The person's data is under no such hold."""

    explanation = "Look at the holds that there are, and name one that was not released."


class StoredInTheClear(CasetrailError):
    """Some of the person's data was stored before it was sealed."""

    explanation = (
        "The log is append-only: what stands in it in the clear cannot be erased by destroying a key. "
        "The detail names the positions."
    )
