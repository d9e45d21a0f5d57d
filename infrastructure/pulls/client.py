"""Reads pages over HTTP: bounded in bytes and time, patient with limits and outages, and to one system only."""

import base64
import email.utils
import random
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
from msgspec import Struct

from application.sources.ports import PullFailed, PullStopped
from domain.sources.pulls import PullEnd
from infrastructure.encoded_text import UnreadableText, to_utf8
from infrastructure.mappings.files import parse_body
from infrastructure.pulls.addresses import AddressNotAllowed, CheckedTransport
from infrastructure.pulls.answers import FIRST_BYTES, SHOWN, Answer, SafeWords, not_json, refused
from infrastructure.pulls.documents import Authentication, ByBasic, ByHeader, ByNothing
from infrastructure.pulls.exchange import ExchangeStopped, exchange

LARGEST_PAGE: Final = 32 << 20
"""Bytes of an unpacked answer."""
_TRANSIENT: Final = (408, 425)
"""And the errors of a system, from 500 on, but for those that last."""
_LASTING: Final = (501, 505, 511)


class Patience(Struct, frozen=True, kw_only=True):
    """How long to wait for a system, in seconds."""

    answer: float = 60.0
    """For a whole answer, from the look-up of the name on."""
    between: float = 20.0
    """For its next bytes."""
    first_pause: float = 1.0
    """After an error; each further one is twice as long."""
    attempts: int = 5
    longest_wait: float = 300.0
    """As the system asks for by `Retry-After`; if it asks for more, the pull ends until then."""
    limited_attempts: int = 20
    """How many times one page may be refused by a limit."""


PATIENT: Final = Patience()


class Page(Struct, frozen=True):
    """A page as plain data, its headers, and the system's own clock."""

    body: Any
    headers: httpx2.Headers
    answered_at: datetime | None


class _Transient(Exception):
    """The same request may be answered a moment later."""


class _Unreadable(_Transient):
    """The answer cannot be read; it may have been cut off."""


class _Limited(_Transient):
    """The system wants no request for a while; None if it does not say how long."""

    def __init__(self, what: str, seconds: float | None) -> None:
        super().__init__(what)
        self.seconds = seconds


class PullClient:
    """A client of one system, for one pull."""

    def __init__(
        self,
        address: str,
        authentication: Authentication,
        secret: str | None,
        hosts: Collection[str],
        wait: Callable[[float], bool],
        patience: Patience = PATIENT,
    ) -> None:
        """`wait` waits for so many seconds, and returns whether the pull must stop."""
        self.address = httpx2.URL(address if address.endswith("/") else f"{address}/")
        self.words = SafeWords(secret, getattr(authentication, "user", None))
        self._wait = wait
        self._patience = patience
        self._headers = {"Accept": "application/json", **_credentials(authentication, secret)}
        self._hosts = hosts
        self._open()

    def _open(self) -> None:
        self._transport = CheckedTransport(self._hosts)
        self._client = httpx2.Client(
            transport=self._transport,
            headers=self._headers,
            timeout=self._patience.between,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def resolve(self, link: str, base: httpx2.URL) -> httpx2.URL:
        """The address of a link in an answer. Raises PullFailed if it leads to another system."""
        try:
            url = base.join(link)
        except (httpx2.InvalidURL, ValueError) as error:
            raise PullFailed(
                PullEnd.UNREADABLE,
                f"the address of the next page cannot be read: {self.words(str(error))}; check `pages` in the pull document",
            ) from None
        if _origin(url) != _origin(self.address) or url.userinfo:
            raise PullFailed(
                PullEnd.NOT_ALLOWED,
                f"the next page is said to be at {self.words(url.host)}; nothing was sent there, since the secret is for "
                f"{self.address.host}",
            )
        return url

    def get(self, url: httpx2.URL) -> Page:
        """The page at this address. Raises PullFailed, PullStopped."""
        pause, failed, limited = self._patience.first_pause, 0, 0
        while True:
            if self._wait(0):
                raise PullStopped
            try:
                return self._page(self._answer(url))
            except _Limited as found:
                limited += 1
                seconds = found.seconds or pause
                if seconds > self._patience.longest_wait or limited > self._patience.limited_attempts:  # fmt: skip
                    at = datetime.now(UTC) + timedelta(seconds=seconds)
                    detail = f"{url.host} asks not to be asked again for {seconds:.0f} s, and the worker waits: {found}"
                    raise PullFailed(PullEnd.RATE_LIMITED, detail, at) from None
            except (_Transient, httpx2.TransportError, TimeoutError) as error:
                failed += 1
                if failed >= self._patience.attempts:
                    raise self._given_up(url, error, failed) from None
                seconds = pause * random.uniform(0.75, 1.25)
                pause *= 2
            except ExchangeStopped:
                raise PullStopped from None
            except AddressNotAllowed as error:
                raise PullFailed(PullEnd.NOT_ALLOWED, str(error)) from None
            if self._wait(seconds):
                raise PullStopped

    def _answer(self, url: httpx2.URL) -> Answer:
        client = self._client

        def cut(end: Future[Answer]) -> None:
            self._transport.cut()
            end.add_done_callback(lambda _: client.close())
            self._open()

        return exchange(
            lambda: self._read(client, url), self._patience.answer, lambda: self._wait(0), cut
        )

    def _read(self, client: httpx2.Client, url: httpx2.URL) -> Answer:
        """Raises PullFailed, _Unreadable, AddressNotAllowed, httpx2.TransportError."""
        with client.stream("GET", url) as response:
            status, parts, size = response.status_code, list[bytes](), 0
            try:
                for part in response.iter_bytes():
                    parts.append(part)
                    size += len(part)
                    if status != 200 and size > FIRST_BYTES:
                        break
                    if size > LARGEST_PAGE:
                        raise PullFailed(
                            PullEnd.UNREADABLE,
                            f"a page has more than {LARGEST_PAGE >> 20} MiB: ask for fewer items in the `parameters`",
                        )
            except httpx2.DecodingError as error:
                raise _Unreadable(
                    f"{self.words.place(url)} answered {status}, not packed as its `Content-Encoding` says: "
                    f"{error}; check the address, and the path in the pull document"
                ) from None
        return Answer(url, status, response.headers, b"".join(parts))

    def _page(self, answer: Answer) -> Page:
        """Raises PullFailed, _Transient."""
        status, headers = answer.status, answer.headers
        if status == 429 or (status == 503 and "retry-after" in headers):
            raise _Limited(self.words.answer(answer), _retry_after(headers))
        if status in _TRANSIENT or (status >= 500 and status not in _LASTING):
            raise _Transient(self.words.answer(answer))
        if status != 200:
            raise refused(answer, self.words)
        try:
            body = parse_body("json", to_utf8(answer.content).decode())
        except (ValueError, UnreadableText) as error:
            # A body that was cut off may come whole the next time.
            raise _Unreadable(not_json(answer, error, self.words)) from None
        return Page(body, headers, _date(headers))

    def _given_up(self, url: httpx2.URL, error: Exception, attempts: int) -> PullFailed:
        end = PullEnd.UNREADABLE if isinstance(error, _Unreadable) else PullEnd.UNREACHABLE
        reason = str(error)
        if not isinstance(error, _Transient):
            reason = f"{self.words.place(url)}: {self._reason(error)}"
        advice = "; see whether the system is up, and whether the address is right"
        more = advice if end is PullEnd.UNREACHABLE else ""
        return PullFailed(end, f"{reason} ({attempts} attempts){more}")

    def _reason(self, error: Exception) -> str:
        said = self.words(str(error) or type(error).__name__, 2 * SHOWN)
        match error:
            case httpx2.ConnectTimeout():
                return f"no connection within {self._patience.between:g} s"
            case httpx2.TimeoutException():
                return f"nothing came for {self._patience.between:g} s"
            case httpx2.RemoteProtocolError():
                return f"the answer was cut off, or is not HTTP: {said}"
            case _:
                return said


def _credentials(authentication: Authentication, secret: str | None) -> dict[str, str]:
    match authentication:
        case ByNothing():
            return {}
        case _ if secret is None:
            raise PullFailed(
                PullEnd.REFUSED, "there is no secret: give one with `casetrail sources pull-secret`"
            )
        case ByHeader(header=header, prefix=prefix):
            return {header: f"{prefix}{secret}"}
        case ByBasic(user=user):
            return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}  # fmt: skip


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the header asks for; None if it is missing or cannot be read."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        at = _time_of_header(text)
        seconds = (at - datetime.now(UTC)).total_seconds() if at is not None else float("nan")
    return min(max(seconds, 0.1), 7 * 86_400.0) if seconds == seconds else None


def _date(headers: Mapping[str, str]) -> datetime | None:
    return _time_of_header(headers.get("date", ""))


def _time_of_header(text: str) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
