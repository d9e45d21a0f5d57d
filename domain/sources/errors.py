"""Errors about sources and what they send. Each docstring is the title that an API client reads."""

from domain.errors import CasetrailError


class SourceNotFound(CasetrailError):
    """There is no source with this name."""

    explanation = "`GET /v1/sources` lists them; `casetrail sources add` makes one."


class SourceExists(CasetrailError):
    """There is a source with this name already."""

    explanation = "Names are never given again, so that the trail stays clear. Choose another name."


class SourceStateWrong(CasetrailError):
    """The source is not in the state that this needs."""

    explanation = "Read it again: somebody else may have paused it or set it going."


class SourceStatesItself(CasetrailError):
    """Only the deliveries of this source state its signals."""

    explanation = (
        "The source is configured here: an id that somebody else states in its name would hide the source's own "
        "statement. Send the signal under the name of the system that sends it. A principal with the permission "
        "`sources.manage` may state it for the source."
    )


class SourceHasNoWebhook(CasetrailError):
    """This source takes no webhooks."""

    explanation = (
        "It was added without a signature scheme, so nobody could tell who sends. Add a source with one, or read "
        "its files with `casetrail signals --source NAME FILE …`."
    )


class DeliveryNotFound(CasetrailError):
    """There is no such delivery."""

    explanation = "`GET /v1/sources/{name}/deliveries` lists what a source sent."


class DeliveryCannotBeSettled(CasetrailError):
    """This delivery cannot be set aside."""

    explanation = (
        "A person sets aside what is not understood and never will be. What is understood needs nothing; what an agent "
        "finds is decided by its person."
    )


class SourceNotPulled(CasetrailError):
    """The source is not set up to be pulled."""

    explanation = "`casetrail sources pull-settings` or `POST /v1/sources/{name}/pull-settings` says where its lists are."


class SourceBeingPulled(CasetrailError):
    """The source is being pulled already."""

    explanation = "Wait until that pull has ended; `casetrail sources list` shows its result."


class MappingProposalNotFound(CasetrailError):
    """This mapping of the source does not wait for a decision."""

    explanation = "`GET /v1/sources/{name}/mapping/proposal` shows the one that does."


class MappingNeedsAnotherPerson(CasetrailError):
    """Another person must decide on the mapping of a source that has taken deliveries."""

    explanation = (
        "`proposers` lists who proposed it; agents and delegates count as their person, and all names of a person "
        "count as one. The proposer can withdraw it."
    )


class MappingActsNoLongerHold(CasetrailError):
    """The person who proposed this mapping had no valid role for it."""

    explanation = (
        "A role counts for nothing if its receiver, giver and confirmer turn out to be fewer than three people. "
        "Reject the proposal, and let a person with a valid role propose it."
    )
