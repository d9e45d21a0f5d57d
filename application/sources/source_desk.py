"""Commands on sources: add one, rotate its secret, pause it and let it go on."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import UNSET

from application.log import streams
from application.log.caller import Caller, system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import CommandRepeated, VersionTaken
from application.sources.ports import ChoosePullDocument, Mappings, Secrets
from domain.errors import CasetrailError, Fault, Invalid, TooContended
from domain.fault_texts import did_you_mean
from domain.orders.signal_body import given
from domain.people import Actor
from domain.personal_data_errors import KeyStoreUnavailable
from domain.sources import source as model
from domain.sources.errors import (
    SourceExists,
    SourceHasNoWebhook,
    SourceNotFound,
    SourceNotPulled,
    SourceStateWrong,
)
from domain.sources.mapping_governance import SourceUsed
from domain.sources.pull_settings import (
    GRACE_MINUTES,
    ChoosePull,
    RotatePullSecret,
    SourcePullChosen,
    SourcePullSecretAdded,
    check_api_secret,
)
from domain.sources.signature_schemes import SignatureScheme, check_secret, names_shop
from domain.sources.source import SOURCES_STREAM, Source, SourceReply, Sources

ATTEMPTS = 20
ASK_AGAIN_SECONDS = 1.0


class SourceDesk:
    def __init__(
        self,
        log: EventLog,
        secrets: Secrets,
        mappings: Mappings,
        teams: Callable[[], Collection[str]],
        choose_pull_document: ChoosePullDocument,
        require_allowed: Callable[[str], None],
    ) -> None:
        """`teams` are the owners that policy names. `require_allowed` raises Invalid for an address that no pull may
        send to."""
        self._log = log
        self._sources = streams.sources(log)
        self._secrets = secrets
        self._mappings = mappings
        self._teams = teams
        self._names: Collection[str] = ()
        self._asked_at = -math.inf
        self._choose_pull_document = choose_pull_document
        self._require_allowed = require_allowed

    def find(self, name: str) -> Source:
        """The source as the log has it now. Raises SourceNotFound."""
        return _find(self._current(), name)

    def known(self, name: str) -> Source | None:
        return self._current().by_name.get(name)

    def names(self) -> Collection[str]:
        """Of all sources, as they were a second ago at most: each signal by API is compared with them."""
        if time.monotonic() - self._asked_at > ASK_AGAIN_SECONDS:
            self._names, self._asked_at = frozenset(self._current().by_name), time.monotonic()
        return self._names

    def everything(self) -> Sequence[Source]:
        """All sources, by name."""
        return [one for _, one in sorted(self._current().by_name.items())]

    def add(self, ask: model.AddSource, by: Caller) -> SourceReply:
        """Raises Invalid, SourceExists, KeyStoreUnavailable."""
        faults = []
        if ask.owner not in self._teams():
            faults.append(
                Fault("/owner", f"no queue has this team: {', '.join(sorted(self._teams()))}")
            )
        scheme: SignatureScheme | None = None if ask.scheme is UNSET else ask.scheme
        secret = given(ask.secret)
        if scheme is not None and secret is None:
            faults.append(
                Fault("/secret", "a source with a signature scheme needs the sender's secret")
            )
        if scheme is None and secret is not None:
            faults.append(
                Fault(
                    "/scheme",
                    "a secret without a scheme is of no use: say how deliveries are signed",
                )
            )
        if given(ask.sender_shop) is not None and (scheme is None or not names_shop(scheme)):
            faults.append(
                Fault(
                    "/sender_shop",
                    "deliveries of this scheme do not name their shop: leave it out, and add a "
                    "source with a secret of its own for each shop",
                )
            )
        if faults:
            raise Invalid(faults, "the source")
        if scheme is not None and secret is not None:
            check_secret(scheme, secret)
        added = model.SourceAdded(
            name=ask.name,
            mapping=self._mappings.choose(given(ask.mapping), given(ask.document)),
            owner=ask.owner,
            shop=given(ask.shop),
            scheme=scheme,
            sender_shop=given(ask.sender_shop),
        )

        def decide(sources: Sources, *more: model.SourceEvent) -> Sequence[model.SourceEvent]:
            if ask.name in sources.by_name:
                raise SourceExists(f"there is a source {ask.name}")
            return [added, *more]

        decide(self._current())  # before a secret is stored
        try:
            if secret is None:
                return self._append(ask.name, decide, by)
            with self._keep(secret) as kept:
                first = model.SourceSecretAdded(name=ask.name, secret=kept)
                return self._append(ask.name, lambda sources: decide(sources, first), by)
        finally:
            self._asked_at = -math.inf

    def rotate(self, name: str, ask: model.RotateSecret, by: Caller) -> SourceReply:
        """Raises SourceNotFound, SourceHasNoWebhook, Invalid, KeyStoreUnavailable."""
        source = self.find(name)
        if source.scheme is None:
            raise SourceHasNoWebhook(f"{name} takes no webhooks")
        check_secret(source.scheme, ask.secret)
        until = by.now + timedelta(hours=ask.overlap_hours)
        valid = [self._secrets.find(one.name) for one in source.valid_secrets(by.now)]
        if ask.secret in valid:
            raise Invalid([Fault("/secret", "is in use already: take another one")], "the secret")
        with self._keep(ask.secret) as kept:
            added = model.SourceSecretAdded(name=name, secret=kept, earlier_until=until)
            reply = self.change(name, lambda _: added, by)
        for one in reply.source.secrets:
            if not one.is_valid(by.now):
                self._secrets.destroy(one.name)
        return reply

    def choose_pull(self, name: str, ask: ChoosePull, by: Caller) -> SourceReply:
        """Raises SourceNotFound, Invalid, KeyStoreUnavailable."""
        source = self.find(name)
        choice, own_address = self._choose_pull_document(given(ask.pull), given(ask.document))
        address = given(ask.address) or own_address
        if address is None:
            fault = Fault("/address", f"the document {choice.name} names no address: give one")
            raise Invalid([fault], "the pull")
        self._require_allowed(address)
        grace = 0 if source.scheme is None else GRACE_MINUTES
        chosen = SourcePullChosen(
            name=name,
            pull=choice,
            address=address,
            reason=ask.reason,
            every_minutes=given(ask.every_minutes),
            grace_minutes=grace if ask.grace_minutes is UNSET else ask.grace_minutes,
        )
        secret = given(ask.secret)
        if secret is None:
            return self._append(name, lambda _: [chosen], by)
        return self._append_pull_secret(name, secret, lambda added: [chosen, added], by)

    def rotate_pull_secret(self, name: str, ask: RotatePullSecret, by: Caller) -> SourceReply:
        """Raises SourceNotFound, SourceNotPulled, Invalid, KeyStoreUnavailable."""
        if self.find(name).pull is None:
            raise SourceNotPulled(f"{name} is not set up to be pulled")
        return self._append_pull_secret(name, ask.secret, lambda added: [added], by)

    def _append_pull_secret(
        self,
        name: str,
        secret: str,
        events: Callable[[SourcePullSecretAdded], Sequence[model.SourceEvent]],
        by: Caller,
    ) -> SourceReply:
        """Append with a new secret, and destroy the one before."""
        check_api_secret(secret)
        before = self.find(name).pull
        with self._keep(secret) as kept:
            added = SourcePullSecretAdded(name=name, secret=kept)
            reply = self._append(name, lambda _: events(added), by)
        if before is not None and before.secret is not None:
            self._secrets.destroy(before.secret)
        return reply

    def pause(self, name: str, ask: model.PauseSource, by: Caller) -> SourceReply:
        """Raises SourceNotFound, SourceStateWrong."""

        def decide(source: Source) -> model.SourceChange:
            if source.paused_for is not None:
                raise SourceStateWrong(f"{name} is paused already: {source.paused_for}")
            return model.SourcePaused(name=name, reason=ask.reason)

        return self.change(name, decide, by)

    def resume(self, name: str, ask: model.PauseSource, by: Caller) -> SourceReply:
        """Raises SourceNotFound, SourceStateWrong."""

        def decide(source: Source) -> model.SourceChange:
            if source.paused_for is None:
                raise SourceStateWrong(f"{name} is not paused")
            return model.SourceResumed(name=name, reason=ask.reason)

        return self.change(name, decide, by)

    @contextmanager
    def _keep(self, secret: str) -> Iterator[str]:
        """Store a secret under the yielded name, and remove it if the command is refused. After any other failure it
        may have been recorded: `UnusedSecrets` finds out later."""
        kept = self._secrets.keep(secret)
        try:
            yield kept
        except (CasetrailError, CommandRepeated):
            with suppress(KeyStoreUnavailable):
                self._secrets.destroy(kept)
            raise

    def _current(self) -> Sources:
        return self._sources.refreshed([SOURCES_STREAM]).get(SOURCES_STREAM) or Sources()

    def first_use(self, source: Source, delivery: UUID, now: datetime) -> list[Write]:
        """What is recorded with a delivery of a source that has taken none so far."""
        if source.is_used or (sources := self._current()).by_name[source.name].is_used:
            return []
        by = system_caller(Actor(f"source:{source.name}"), now, f"delivery:{delivery}")
        used = SourceUsed(name=source.name)
        return [by.write(SOURCES_STREAM, streams.SOURCES, sources.version, [used])]

    def change(
        self,
        name: str,
        decide: Callable[[Source], model.SourceChange],
        by: Caller,
        guards: Callable[[Source], Sequence[Write]] = lambda _: (),
    ) -> SourceReply:
        """Record what `decide` returns of the source as the log has it; `guards` are written with it. Raises
        SourceNotFound, TooContended, and what these raise."""

        def unchanged(sources: Sources) -> Sequence[Write]:
            return guards(_find(sources, name))

        return self._append(name, lambda sources: [decide(_find(sources, name))], by, unchanged)

    def _append(
        self,
        name: str,
        decide: Callable[[Sources], Sequence[model.SourceEvent]],
        by: Caller,
        guards: Callable[[Sources], Sequence[Write]] = lambda _: (),
    ) -> SourceReply:
        for _ in range(ATTEMPTS):
            before = after = self._current()
            unchanged = guards(before)
            events = decide(before)
            for event in events:
                after = after.after(event, by.now, by.actor)
            source = after.by_name[name]
            write = by.write(SOURCES_STREAM, streams.SOURCES, before.version, events)
            with suppress(VersionTaken):
                appended = self._log.append([write, *unchanged], by.row_of(source))
                self._sources.keep(SOURCES_STREAM, after)
                return SourceReply(source, appended.position)
        raise TooContended(f"source {name}, {ATTEMPTS} attempts")


def _find(sources: Sources, name: str) -> Source:
    found = sources.by_name.get(name)
    if found is None:
        raise SourceNotFound(f"no source {name}{did_you_mean(name, [*sources.by_name])}")
    return found
