"""Sources, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from api.http.service import Service
from application.sources.refused_deliveries import RefusedFor, list_refused_deliveries
from domain.sources.mapping_governance import MappingProposal
from domain.sources.pull_settings import PullSettings
from domain.sources.pulls import PullEnd, SourcePulls
from domain.sources.signature_schemes import SignatureScheme
from domain.sources.source import Source
from domain.struct_fields import fill
from infrastructure.reports.deliveries import DeliveryReports, SourceTraffic


class SourceSecretView(Struct, frozen=True):
    """A secret that deliveries may be signed with: since when, and until when if another has followed it."""

    since: datetime
    until: datetime | None


class DocumentView(Struct, frozen=True):
    """A document, by its name and the SHA-256 of its text."""

    name: str
    digest: str


class PullResultView(Struct, frozen=True, kw_only=True):
    """What became of a pull. Items and signals are counted; see docs/pull.md."""

    since: datetime
    until: datetime
    """What was changed between these two times was listed."""
    started_at: datetime
    ended: PullEnd
    detail: str
    """What went wrong and what to do; empty if nothing did."""
    pages: int
    listed: int
    known: int
    """Items that stated nothing new."""
    recorded: int
    """Signals that were recorded or held."""
    not_understood: int
    """Items that were kept with a reason."""
    otherwise: int
    """Signals that were recorded before with other content; those count."""
    erased: int
    """Items that were left out: what they tell was erased since they were changed last."""
    compared: int | None
    """Items that a webhook should have brought; null where there is no webhook."""
    missing: int | None
    """Those of them that it had not."""
    examples: Sequence[str]
    """Some of those, by their ids."""
    failures: int
    """How many pulls have failed one after another."""


class PullView(Struct, frozen=True, kw_only=True):
    """How a source is pulled, and what became of the last pull. The secret is never shown."""

    address: str
    document: DocumentView
    every_minutes: int | None
    """How often the worker pulls; null: only a command does."""
    grace_minutes: int
    secret_since: datetime | None
    complete_until: datetime | None
    """Nothing before this is missing; null before the first complete pull."""
    next_due_at: datetime | None
    last_at: datetime | None
    last: PullResultView | None


class MappingProposalView(Struct, frozen=True, kw_only=True):
    """A mapping document that waits for another person."""

    name: str
    digest: str
    base: str
    """The digest of the document that it is to replace."""
    reason: str
    proposed_by: Sequence[str]
    proposed_at: datetime


class RefusedForView(Struct, frozen=True):
    """Deliveries that were refused for one reason; nothing of them is kept."""

    problem: str
    """The problem type of the answers, such as `signature-wrong` or `too-large`."""
    count: int
    last_at: datetime


class SourceView(Struct, frozen=True, kw_only=True):
    """A source, and what it sent. The figures are those of the report; the secrets are never shown."""

    source: str
    owner: str
    shop: str | None
    mapping: DocumentView
    mapping_confirmed: bool
    """False while nobody has confirmed a mapping that the operator of the command line chose alone."""
    proposal: MappingProposalView | None
    """The mapping that waits for another person."""
    in_use: bool
    """Whether it has taken deliveries: then two people change its mapping."""
    scheme: SignatureScheme | None
    sender_shop: str | None
    webhook: str | None
    """The path to send to; null if it has no webhook."""
    secrets: Sequence[SourceSecretView]
    """Those that are valid now, the newest first."""
    paused_for: str | None
    pull: PullView | None
    """Null if its lists are not pulled."""
    added_at: datetime
    last_received_at: datetime | None
    deliveries: int
    deliveries_24h: int
    signals_24h: int
    not_understood: int
    refused_7d: int
    """Deliveries of today and the six days before (UTC) that were refused, such as for a wrong signature."""
    refused: Sequence[RefusedForView]
    """The same by reason, the latest first."""


def proposal_view(proposal: MappingProposal) -> MappingProposalView:
    return MappingProposalView(
        name=proposal.mapping.name,
        digest=proposal.mapping.digest,
        base=proposal.base,
        reason=proposal.reason,
        proposed_by=proposal.by.persons,
        proposed_at=proposal.at,
    )


def source_views(service: Service, sources: Sequence[Source]) -> list[SourceView]:
    now, names = service.desks.clock(), [one.name for one in sources]
    traffic = DeliveryReports(service.desks.datastore).traffic(names, now)
    refused = list_refused_deliveries(service.desks.log, names, now)
    pulls = service.desks.pulls.states(names)
    return [
        _view(one, traffic[one.name], refused[one.name], pulls[one.name], now) for one in sources
    ]


def _view(
    source: Source,
    sent: SourceTraffic,
    refused: Sequence[RefusedFor],
    pulls: SourcePulls,
    now: datetime,
) -> SourceView:
    return fill(
        SourceView,
        source,
        sent,
        source=source.name,
        mapping=fill(DocumentView, source.mapping),
        mapping_confirmed=source.is_confirmed,
        proposal=proposal_view(source.proposal) if source.proposal is not None else None,
        in_use=source.is_used,
        webhook=f"/v1/sources/{source.name}/webhook" if source.scheme is not None else None,
        secrets=[fill(SourceSecretView, one) for one in source.valid_secrets(now)],
        refused_7d=sum(one.count for one in refused),
        refused=[fill(RefusedForView, one) for one in refused],
        pull=_pull_view(source.pull, pulls) if source.pull is not None else None,
    )


def _pull_view(settings: PullSettings, pulls: SourcePulls) -> PullView:
    return fill(
        PullView,
        settings,
        document=fill(DocumentView, settings.document),
        complete_until=pulls.complete_until,
        next_due_at=pulls.next_due(settings),
        last_at=pulls.last_at,
        last=fill(PullResultView, pulls.last) if pulls.last is not None else None,
    )
