"""The events of deliveries: what came, packed as it came, and what names it."""

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from application.sources.ports import FilePlace, RawDelivery, ReadDelivery
from application.sources.recorded_signals import Recorded
from domain.sources.deliveries import (
    DeliveryReadAgain,
    DeliveryTaken,
    KeptDelivery,
    delivery_stream,
)
from domain.sources.signature_schemes import SignatureScheme, proof_header
from domain.sources.source import Source

_OF_TRANSPORT: Final = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding")
)
_OF_ONE_REQUEST: Final = re.compile(
    r"accept-encoding|cdn-loop|date|forwarded|trace(?:parent|state)|via|x-(?:amzn-trace|correlation|request)-id|x-real-ip"
    r"|(?:cf|x-b3|x-cloud-trace|x-envoy|x-forwarded)-.*"
)
"""Headers that proxies and this service add to one request: the same delivery has others when it comes again."""
_SECRETIVE: Final = (
    *("auth", "cookie", "credential", "hmac", "key", "passw", "secret", "session", "signature"),
    *("token",),
)
"""Headers with one of these in their names are neither read nor kept."""
_LONGEST_MEDIA_TYPE: Final = 200


class Incoming(Struct, frozen=True):
    """A delivery on its way in."""

    raw: RawDelivery
    named: str | None
    """What names it, as its sender says."""
    digest: str
    """Of its body, as all digests SHA-256 in hexadecimal."""
    content: str
    """The digest of all that makes it another delivery than one with the same name."""
    pulled: bool = False

    @property
    def id(self) -> str:
        return self.named or f"sha256:{self.content}"

    def stream(self, source: str) -> UUID:
        """That of the first delivery with this name and body."""
        return delivery_stream(source, self.named or f"sha256:{self.digest}", self.digest)

    def own_stream(self, source: str) -> UUID:
        """That of a delivery with the name and body of another one, and with other headers or another query."""
        return delivery_stream(source, self.id, self.content)

    def is_same(self, kept: KeptDelivery) -> bool:
        """Whether it is this one that came before, and not one with other headers or another query."""
        if self.content == self.digest:
            return True
        before = unpack(kept)
        if before is not None:
            return _content_of(before) == self.content
        # What was erased is known by its name. Of older lines that is the digest of the body.
        return kept.taken.delivery in (self.id, f"sha256:{self.digest}")


def streams_of(
    source: str, came: Sequence[Incoming], kept: Mapping[UUID, KeptDelivery]
) -> list[UUID]:
    """The stream of each delivery. `kept` are those known under the name and body of one.

    A mapping may read everything of a delivery, such as the topic in a header. So of several with one name and body, only
    those that say the same are one.
    """
    first: dict[UUID, Incoming] = {}
    found = []
    for one in came:
        stream = one.stream(source)
        known = kept.get(stream)
        if known is not None:
            is_same = one.is_same(known)
        else:
            is_same = first.setdefault(stream, one).content == one.content
        found.append(stream if is_same else one.own_stream(source))
    return found


def incoming(
    raw: RawDelivery,
    sender_id: str | None = None,
    shop: str | None = None,
    scheme: SignatureScheme | None = None,
) -> Incoming:
    """The headers that prove who sent it are left out before anything reads it: a mapping could state them, and
    what is read again would differ."""
    proof = proof_header(scheme) if scheme is not None else ""
    headers = {
        name: value for name, value in raw.headers.items() if name != proof and _may_be_read(name)
    }
    raw = structs.replace(raw, headers=headers, shop=shop)
    digest = hashlib.sha256(raw.body).hexdigest()
    file = raw.place.file_id if raw.place is not None else ""
    name = sender_id or file or None
    # The sender gives one id to all attempts, and each attempt may have headers of its own, such as its time.
    return Incoming(raw, name, digest, digest if name else _content_of(raw))


def listed(raw: RawDelivery, id: str | None) -> Incoming:
    """An item of a list. Its id may be that of an order: several lists may tell of it, each with headers of its own."""
    return Incoming(raw, id, hashlib.sha256(raw.body).hexdigest(), _content_of(raw), pulled=True)


def _content_of(raw: RawDelivery) -> str:
    """The digest of a body with its headers and query. Where it stood in a file makes no other delivery."""
    headers = [one for one in raw.headers.items() if not _OF_ONE_REQUEST.fullmatch(one[0])]
    beside = msgspec.json.encode([sorted(headers), sorted(raw.query.items())])
    return hashlib.sha256(beside + b"\n" + raw.body).hexdigest()


def delivery_taken(
    source: Source, came: Incoming, read: ReadDelivery, recorded: Recorded
) -> DeliveryTaken:
    return DeliveryTaken(
        source=source.name,
        delivery=came.id,
        digest=came.digest,
        size=len(came.raw.body),
        media_type=came.raw.headers.get("content-type", "")[:_LONGEST_MEDIA_TYPE],
        mapping=source.mapping.digest,
        pulled=came.pulled,
        body=base64.b64encode(zlib.compress(came.raw.body, 1)).decode(),
        beside=_beside(came.raw),
        restated=tuple(recorded.restated.items()),
        **recorded.members(read),
    )


def delivery_read_again(
    source: Source,
    read: ReadDelivery,
    recorded: Recorded,
    keys: Sequence[str],
    restated: Mapping[str, str],
) -> DeliveryReadAgain:
    """`restated`: what is read otherwise now, by the id that the mapping gives, and under which new id."""
    return DeliveryReadAgain(
        mapping=source.mapping.digest,
        keys=tuple(keys),
        restated=tuple({**recorded.restated, **restated}.items()),
        **recorded.members(read),
    )


def unpack(kept: KeptDelivery) -> RawDelivery | None:
    """What came; None once it was erased."""
    if (body := kept.body) is None:
        return None
    beside = _read_beside(kept)
    return RawDelivery(body, beside.headers, beside.query, beside.place, beside.shop)


def place_of(kept: KeptDelivery) -> FilePlace | None:
    """Where it stood in a file; None for a webhook, and once it was erased."""
    return None if kept.is_erased else _read_beside(kept).place


class _Beside(Struct, frozen=True, omit_defaults=True):
    """What is sealed with a body."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    place: FilePlace | None = None
    shop: str | None = None


def _read_beside(kept: KeptDelivery) -> _Beside:
    return msgspec.json.decode(kept.taken.beside, type=_Beside)


def _beside(raw: RawDelivery) -> str:
    return msgspec.json.encode(_Beside(raw.headers, raw.query, raw.place, raw.shop)).decode()


def _may_be_read(header: str) -> bool:
    return header not in _OF_TRANSPORT and not any(word in header for word in _SECRETIVE)
