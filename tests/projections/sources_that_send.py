"""A source that is added, sends, is paused, rotated and read again, for the story of the reports."""

import json

from msgspec import structs

from application.log import streams
from application.log.caller import Caller, operator_caller
from application.policy.policy_persons import NobodyOnRecord, PolicyPersons
from application.sources.delivery_desk import DeliveryDesk
from application.sources.mapping_desk import MappingDesk
from application.sources.ports import RawDelivery
from application.sources.settled_deliveries import SettledDeliveries
from application.sources.source_desk import SourceDesk
from domain.people import OPERATOR_ACTOR
from domain.sources.deliveries import SettleDelivery
from domain.sources.pull_settings import ChoosePull
from domain.sources.pulls import SourcePulled, pulls_stream
from domain.sources.signature_schemes import Hmac
from domain.sources.source import (
    AddSource,
    ApproveMapping,
    ChooseMapping,
    DropMapping,
    PauseSource,
    RotateSecret,
)
from infrastructure.mappings.deliveries import SourceMappings
from infrastructure.pulls.documents import choose_pull
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.signals import after
from tests.sources.senders import MAPPING, WIDER, placed, scan


class SecretsInMemory:
    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def keep(self, secret: str) -> str:
        name = f"source-{len(self._kept)}"
        self._kept[name] = secret
        return name

    def find(self, name: str) -> str | None:
        return self._kept.get(name)

    def destroy(self, name: str) -> None:
        self._kept.pop(name, None)


def send_and_read_again(service: InMemoryService, hours: float) -> None:
    secrets, mappings = SecretsInMemory(), SourceMappings()
    desk = SourceDesk(
        service.log, secrets, mappings, lambda: {"order_desk"}, choose_pull, lambda _: None
    )
    by = operator_caller(after(hours))
    ask = AddSource(
        name="little",
        owner="order_desk",
        document=MAPPING,
        scheme=Hmac(header="X-Signature"),
        secret="secret-of-the-little-shop",
    )
    desk.add(ask, by)
    desk.rotate("little", RotateSecret(secret="the-next-secret-of-the-shop"), by)
    deliveries = DeliveryDesk(service.log, desk, service.intake, secrets, mappings)
    number = "o-little"
    parts = [("order", placed(number)), ("scan", scan(number, "LOST")), ("other", {"a": 1})]
    raws = [RawDelivery(json.dumps(body).encode(), {"x-event": topic}, {}) for topic, body in parts]
    taken = deliveries.take_parts("little", raws, OPERATOR_ACTOR, after(hours))
    desk.pause("little", PauseSource(reason="It sends nonsense."), by)
    desk.resume("little", PauseSource(reason="It was mended."), by)
    persons = PolicyPersons(service.log, NobodyOnRecord())
    governed = MappingDesk(service.log, desk, mappings, persons, lambda: {"order_desk"})
    governed.choose("little", ChooseMapping(document=WIDER, reason="LOST is known."), by)
    reverted = ChooseMapping(document=MAPPING, reason="LOST is no loss.")
    first = governed.choose("little", reverted, _person("olga", hours)).source.proposal
    assert first is not None
    digest = first.mapping.digest
    drop = DropMapping(digest=digest, reason="Not now.")
    governed.withdraw("little", drop, _person("olga", hours))
    governed.choose("little", reverted, _person("olga", hours))
    governed.reject("little", drop, _person("otto", hours))
    governed.choose("little", reverted, _person("olga", hours))
    governed.approve("little", ApproveMapping(digest=digest), _person("otto", hours))
    governed.choose("little", ChooseMapping(document=WIDER, reason="LOST is known."), by)
    deliveries.read_again("little", [one.delivery for one in taken], by)
    settled = SettledDeliveries(service.log, service.intake.codes)
    aside = SettleDelivery(reason="A test of the sender.")
    settled.settle(desk.find("little"), taken[-1].delivery, aside, by)
    ask_to_pull = ChoosePull(
        reason="Webhooks are lost.",
        pull="shopify",
        address="https://little.myshopify.com",
        secret="token-of-the-little-shop",
    )
    desk.choose_pull("little", ask_to_pull, by)
    pulled = SourcePulled(
        source="little", since=after(0), until=after(hours), started_at=after(hours)
    )
    service.log.append([by.write(pulls_stream("little"), streams.PULLS, 0, [pulled])])


def _person(name: str, hours: float) -> Caller:
    """A person whose request has no Idempotency-Key, so that no answer is stored."""
    return structs.replace(caller(name, after(hours)), cause=f"command:{'0' * 16}")
