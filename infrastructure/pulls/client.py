"""Reads pages over HTTP: bounded in bytes and time, patient with limits and outages, and to one system only."""

import base64
import email.utils
import random
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
from msgspec import Struct

from application.sources.ports import PullFailed, PullStopped
from domain.sources.pulls import PullEnd
from infrastructure.encoded_text import UnreadableText, to_utf8
from infrastructure.mappings.files import parse_body
from infrastructure.pulls.addresses import AddressNotAllowed, CheckedTransport
from infrastructure.pulls.documents import Authentication, ByBasic, ByHeader, ByNothing

LARGEST_PAGE: Final = 32 << 20
"""Bytes of an unpacked answer."""
_TRANSIENT: Final = (500, 502, 503, 504, 520, 521, 522, 523, 524, 530)
_SHOWN: Final = 200


class Patience(Struct, frozen=True, kw_only=True):
    """How long to wait for a system, in seconds."""

    answer: float = 60.0
    """For a whole answer."""
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
    headers: Mapping[str, str]
    answered_at: datetime | None


class _Transient(Exception):
    """The same request may be answered a moment later."""


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
        self._wait = wait
        self._patience = patience
        self._client = httpx2.Client(
            transport=CheckedTransport(hosts),
            headers={"Accept": "application/json", **_credentials(authentication, secret)},
            timeout=patience.between,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def resolve(self, link: str, base: httpx2.URL) -> httpx2.URL:
        """The address of a link in an answer. Raises PullFailed if it leads to another system."""
        try:
            url = base.join(link)
        except httpx2.InvalidURL as error:
            raise PullFailed(
                PullEnd.UNREADABLE, f"the address of the next page cannot be read: {error}"
            ) from None
        if _origin(url) != _origin(self.address) or url.userinfo:
            raise PullFailed(
                PullEnd.NOT_ALLOWED,
                f"the next page is said to be at {url.host}; nothing was sent there, since the secret is for "
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
                return self._get_once(url)
            except _Limited as found:
                limited += 1
                seconds = found.seconds or pause
                if seconds > self._patience.longest_wait or limited > self._patience.limited_attempts:  # fmt: skip
                    at = datetime.now(UTC) + timedelta(seconds=seconds)
                    detail = f"{url.host} asks not to be asked again for {seconds:.0f} s"
                    raise PullFailed(PullEnd.RATE_LIMITED, detail, at) from None
            except (_Transient, httpx2.TransportError, httpx2.DecodingError, TimeoutError) as error:
                failed += 1
                if failed >= self._patience.attempts:
                    raise _given_up(url, error, failed) from None
                seconds = pause * random.uniform(0.75, 1.25)
                pause *= 2
            except AddressNotAllowed as error:
                raise PullFailed(PullEnd.NOT_ALLOWED, str(error)) from None
            if self._wait(seconds):
                raise PullStopped

    def _get_once(self, url: httpx2.URL) -> Page:
        with self._client.stream("GET", url) as response:
            status = response.status_code
            if status == 429 or (status == 503 and "retry-after" in response.headers):
                raise _Limited(_retry_after(response.headers))
            if status in _TRANSIENT:
                raise _Transient(f"{url.host} answered {status}")
            if status != 200:
                raise _refused(url, response)
            content = self._read(response)
        try:
            body = parse_body("json", to_utf8(content).decode())
        except (ValueError, UnreadableText) as error:
            # A body that was cut off may come whole the next time.
            raise _Unreadable(f"the answer to {_place(url)} is {str(error)[:_SHOWN]}") from None
        return Page(body, response.headers, _date(response.headers))

    def _read(self, response: httpx2.Response) -> bytes:
        ends_at, parts, size = time.monotonic() + self._patience.answer, list[bytes](), 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST_PAGE:
                raise PullFailed(
                    PullEnd.UNREADABLE,
                    f"a page has more than {LARGEST_PAGE >> 20} MiB: ask for fewer items in the `parameters`",
                )
            if time.monotonic() > ends_at:
                raise TimeoutError(f"the answer took longer than {self._patience.answer:.0f} s")
        return b"".join(parts)


class _Limited(Exception):
    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.seconds = seconds


class _Unreadable(_Transient):
    pass


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


def _place(url: httpx2.URL) -> str:
    """The address without its query, which may name a person."""
    return str(url.copy_with(query=None, fragment=None))


def _refused(url: httpx2.URL, response: httpx2.Response) -> PullFailed:
    status = response.status_code
    if response.is_redirect:
        to = response.headers.get("location", "")[:_SHOWN]
        return PullFailed(
            PullEnd.NOT_ALLOWED,
            f"{_place(url)} leads to {to}, and redirects are not followed: set the address to where the list is",
        )
    advice = {
        401: "the secret is refused: give a valid one with `casetrail sources pull-secret`",
        403: "the secret has no permission to read this list: add it in the system",
        404: "there is no such list: check the address, and the path in the pull document",
        410: "there is no such list any more: check its version in the address",
    }.get(status, "check the parameters in the pull document")
    return PullFailed(PullEnd.REFUSED, f"{_place(url)} answered {status}; {advice}")


def _given_up(url: httpx2.URL, error: Exception, attempts: int) -> PullFailed:
    end = PullEnd.UNREADABLE if isinstance(error, _Unreadable) else PullEnd.UNREACHABLE
    reason = str(error) or type(error).__name__
    return PullFailed(end, f"{reason[: 2 * _SHOWN]} ({_place(url)}, {attempts} attempts)")


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
