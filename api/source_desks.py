"""The desks of sources on a log, with the secrets of its key store, mapping documents and signature schemes."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct

from application.log.event_log import EventLog
from application.log.repository import Repository
from application.orders.intake import Intake
from application.policy.policy_persons import PeopleOnRecord, PolicyPersons
from application.sources.delivery_desk import DeliveryDesk
from application.sources.delivery_details import DeliveryFinder
from application.sources.listed_deliveries import ListedDeliveries
from application.sources.mapping_desk import MappingDesk
from application.sources.ports import RawDelivery, VerifiedDelivery
from application.sources.pull_desk import PullDesk
from application.sources.settled_deliveries import SettledDeliveries
from application.sources.source_desk import SourceDesk
from application.sources.source_watch import SourceWatch
from application.sources.unused_secrets import UnusedSecrets
from domain.orders.order import Order
from domain.personal_data_errors import KeyStoreUnavailable
from domain.policy.rulebook import Rulebook
from domain.sources.signature_schemes import SignatureScheme
from infrastructure.mappings.deliveries import SourceMappings
from infrastructure.personal.key_ring import KeyRing
from infrastructure.personal.vault import Vault
from infrastructure.postgres.datastore import Datastore
from infrastructure.pulls.addresses import require_allowed
from infrastructure.pulls.documents import choose_pull
from infrastructure.pulls.listing import HttpListing
from infrastructure.pulls.locks import PullLocks
from infrastructure.reports.deliveries import DeliveryReports
from infrastructure.reports.source_figures import SourceCounts
from infrastructure.source_secrets import NoSecrets, SourceSecrets
from infrastructure.webhooks.errors import SignatureRefused
from infrastructure.webhooks.request import WebhookRequest
from infrastructure.webhooks.verification import verify


class SourceDesks(Struct, frozen=True):
    sources: SourceDesk
    deliveries: DeliveryDesk
    finder: DeliveryFinder
    settled: SettledDeliveries
    watch: SourceWatch
    pulls: PullDesk
    mappings: MappingDesk
    unused_secrets: UnusedSecrets


def source_desks(
    log: EventLog,
    orders: Repository[Order],
    intake: Intake,
    vault: Vault | None,
    rulebook: Callable[[], Rulebook],
    datastore: Datastore,
    clock: Callable[[], datetime],
    people: PeopleOnRecord,
    pull_hosts: Collection[str] = (),
) -> SourceDesks:
    """Without a vault there is no place for secrets, and no webhook can be verified. `pull_hosts` are those that
    pulls may send to beside public ones."""
    secrets = (
        SourceSecrets(vault.keys, KeyRing(datastore, vault.keys).require_store)
        if vault is not None
        else NoSecrets()
    )
    mappings = SourceMappings()

    def teams() -> set[str]:
        return {queue.owner_team for queue in rulebook().document.queues.values()}

    sources = SourceDesk(
        log, secrets, mappings, teams, choose_pull, partial(require_allowed, hosts=pull_hosts)
    )
    watch = SourceWatch(log, sources, intake.subjects, rulebook, SourceCounts(datastore).measure)
    find = DeliveryReports(datastore).find_not_understood
    listed = ListedDeliveries(log, sources, intake, mappings, find)
    listing, locks = HttpListing(pull_hosts), PullLocks(datastore)
    return SourceDesks(
        sources,
        DeliveryDesk(log, sources, intake, secrets, mappings, _verify),
        DeliveryFinder(log, orders, mappings),
        SettledDeliveries(log, intake.codes),
        watch,
        PullDesk(log, sources, listed, secrets, listing, locks, watch, clock),
        MappingDesk(log, sources, mappings, PolicyPersons(log, people), teams),
        UnusedSecrets(sources, secrets),
    )


def _verify(
    scheme: SignatureScheme, raw: RawDelivery, secrets: Sequence[str | None], now: datetime
) -> VerifiedDelivery:
    request = WebhookRequest(body=raw.body, headers=raw.headers, query=raw.query)
    try:
        found = verify(scheme, request, [one for one in secrets if one is not None], now)
    except SignatureRefused:
        if None in secrets:  # After a 401, a sender gives up.
            raise KeyStoreUnavailable(
                "a secret of the source is not in the key store: restore it (CASETRAIL_KEYS), or give the source "
                "another one"
            ) from None
        raise
    return VerifiedDelivery(found.delivery_id, found.shop)
