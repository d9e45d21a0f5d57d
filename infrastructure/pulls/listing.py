"""Lists page by page what a pull document names: the application's `Listing`."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx2
from msgspec import Struct, structs

from application.sources.ports import ListedItem, ListedPage, PullFailed, PullRequest, RawDelivery
from domain.errors import Invalid
from domain.sources.pulls import PullEnd
from infrastructure.mappings.amounts_and_times import ValueUnreadable, time_of
from infrastructure.mappings.expressions import Evaluation, Expression, ExpressionFailed
from infrastructure.mappings.field_types import text_of
from infrastructure.mappings.work import TooMuchWork
from infrastructure.pulls.client import PATIENT, Page, Patience, PullClient
from infrastructure.pulls.documents import (
    PLACEHOLDER,
    Cursor,
    DetailDocument,
    LinkHeader,
    ListDocument,
    NextUrl,
    Offset,
    PageNumber,
    PullDocument,
    Since,
    parse_pull,
)
from infrastructure.webhooks.sender_names import usable_name

PARTS_TOGETHER: Final = 100
MOST_PAGES: Final = 20_000
"""Of one list; of pages of 100, two million items."""

FARTHEST_BEHIND: Final = timedelta(days=1)
"""A clock that is behind ours by more is none."""


class HttpListing:
    """Reads lists over HTTP."""

    def __init__(self, hosts: Collection[str] = (), patience: Patience = PATIENT) -> None:
        """`hosts` are those that the operator allows beside public ones."""
        self._hosts = hosts
        self._patience = patience

    def pages(self, request: PullRequest, wait: Callable[[float], bool]) -> Iterator[ListedPage]:
        """Raises PullFailed, PullStopped."""
        try:
            document = parse_pull(request.settings.document.document)
        except Invalid as error:
            raise PullFailed(PullEnd.UNREADABLE, f"the pull document: {error}") from None
        client = PullClient(
            request.settings.address,
            document.authentication,
            request.secret,
            self._hosts,
            wait,
            self._patience,
        )
        try:
            reader = _Reader(client, request)
            notice = _too_late(document, request)
            for one in document.lists:
                for page in reader.read(one):
                    notices = filter(None, (notice, reader.notice))
                    yield structs.replace(page, notice="; ".join(notices))
        finally:
            client.close()


class _Found(Struct, frozen=True):
    """An item of a list, and when it was changed."""

    item: Any
    at: datetime | None


class _Reader:
    def __init__(self, client: PullClient, request: PullRequest) -> None:
        self._client = client
        self._request = request
        self._evaluation = Evaluation()
        self._compiled: dict[str, Expression] = {}
        self._until = request.until
        self._answers = 0
        """Since the last listed page."""
        self.notice = ""
        """What was odd of the answers."""

    def read(self, one: ListDocument) -> Iterator[ListedPage]:
        """The pages of a list, each followed by what else is listed of its items."""
        for found in self._items(one, self._first_url(one, one.path, one.since)):
            due = self._due(found)
            yield self._listed(one, due)
            for detail in one.details:
                yield from self._details(detail, due)

    def _details(self, one: DetailDocument, due: list[_Found]) -> Iterator[ListedPage]:
        """What else is listed of these items; small lists come together, to be recorded together."""
        parts: list[_Found] = []
        for each in due:
            path = self._path(one, each.item)
            for more in self._items(one, self._first_url(one, path, None)):
                # A part of an item belongs to the item's time.
                parts += [_Found(part.item, each.at) for part in more]
            if len(parts) >= PARTS_TOGETHER:
                yield self._listed(one, parts)
                parts = []
        yield self._listed(one, parts)

    def _due(self, found: list[_Found]) -> list[_Found]:
        since, until = self._request.since, self._until
        return [one for one in found if one.at is None or since <= one.at <= until]

    def _listed(self, one: DetailDocument, found: list[_Found]) -> ListedPage:
        answers, self._answers = self._answers, 0
        items = [self._item(one, each) for each in found]
        return ListedPage(items=items, until=self._until, answers=answers)

    def _first_url(self, one: DetailDocument, path: str, since: Since | None) -> httpx2.URL:
        parameters: dict[str, str] = {name: _parameter(value) for name, value in one.parameters.items()}  # fmt: skip
        if since is not None:
            parameters[since.parameter] = _written(self._request.since, since.unit)
        match one.pages:
            case PageNumber(parameter=parameter, first=first):
                parameters[parameter] = str(first)
            case Offset(parameter=parameter):
                parameters[parameter] = "0"
        return self._client.address.join(path).copy_merge_params(parameters)

    def _path(self, detail: DetailDocument, item: Any) -> str:
        """Raises PullFailed if a field that the path names is missing."""

        def field(name: str) -> str:
            value = item.get(name) if isinstance(item, dict) else None
            if isinstance(value, bool) or not isinstance(value, int | str) or value in ("", ".", ".."):  # fmt: skip
                raise PullFailed(
                    PullEnd.UNREADABLE, f"an item has no field {name} for the path {detail.path}"
                )
            return quote(str(value), safe="")

        return PLACEHOLDER.sub(lambda match: field(match[1]), detail.path)

    def _items(self, one: DetailDocument, url: httpx2.URL) -> Iterator[list[_Found]]:
        """The items of each page. Raises PullFailed, also if pages come again and again."""
        seen: set[bytes] = set()
        asked = {str(url)}
        count = 0
        for _ in range(MOST_PAGES):
            page = self._client.get(url)
            self._answers += 1
            self._note_clock(page)
            items, words = self._find(one.items, page.body), self._client.words
            if not isinstance(items, list):
                raise PullFailed(
                    PullEnd.UNREADABLE,
                    f"`{one.items}` names no list in the answer of {one.path}, which is {words.shape(page.body)}; "
                    "check `items` in the pull document, and the path",
                )
            digest = hashlib.sha256(_encoded(items)).digest()
            if items and digest in seen:
                raise PullFailed(PullEnd.ENDLESS, f"a page of {one.path} came again with the same items")  # fmt: skip
            seen.add(digest)
            yield [_Found(item, self._time(one, item)) for item in items]
            count += len(items)
            following = self._next(one, page, url, items, count)
            if following is None:
                return
            if str(following) in asked:
                raise PullFailed(PullEnd.ENDLESS, f"the pages of {one.path} lead in a circle")
            asked.add(str(following))
            url = following
        raise PullFailed(PullEnd.ENDLESS, f"{one.path} has more than {MOST_PAGES} pages")

    def _note_clock(self, page: Page) -> None:
        """Where the system's clock is behind ours, items of now have earlier times: do not promise more than it
        can have listed."""
        grace, at = timedelta(minutes=self._request.settings.grace_minutes), page.answered_at
        if at is None:
            return
        if at < self._request.until + grace - FARTHEST_BEHIND:
            self.notice = (
                f"the system says by its header `Date` that it is {at:%Y-%m-%d %H:%M} UTC, which cannot be: our clock "
                "counted instead; let those who run it set its clock"
            )
            return
        self._until = min(self._until, at - grace)

    def _next(
        self, one: DetailDocument, page: Page, url: httpx2.URL, items: list[Any], count: int
    ) -> httpx2.URL | None:
        match one.pages:
            case None:
                return None
            case LinkHeader():
                link = _next_link(page)
                return None if link is None else self._client.resolve(link, url)
            case NextUrl(next=expression):
                link = self._find(expression, page.body)
                return self._client.resolve(link, url) if isinstance(link, str) and link else None
            case Cursor(parameter=parameter, cursor=expression, more=more):
                cursor = self._find(expression, page.body)
                if not self._has_more(more, page) or cursor in (None, "", False):
                    return None
                return url.copy_set_param(parameter, text_of(cursor))
            case PageNumber(parameter=parameter, more=more):
                if not items or not self._has_more(more, page):
                    return None
                return url.copy_set_param(parameter, str(int(url.params[parameter]) + 1))
            case Offset(parameter=parameter, more=more):
                if not items or not self._has_more(more, page):
                    return None
                return url.copy_set_param(parameter, str(count))

    def _has_more(self, expression: str | None, page: Page) -> bool:
        return expression is None or bool(self._find(expression, page.body))

    def _time(self, one: DetailDocument, item: Any) -> datetime | None:
        expression = one.time if isinstance(one, ListDocument) else None
        if expression is None:
            return None
        try:
            at = time_of(self._find(expression, item))
        except ValueUnreadable as error:
            detail = f"an item of {one.path}: {self._client.words(str(error))}; check `time` in the pull document"
            raise PullFailed(PullEnd.UNREADABLE, detail) from None
        if at is None:
            raise PullFailed(PullEnd.UNREADABLE, f"an item of {one.path} has no time at `{expression}`; check `time` in the pull document")  # fmt: skip
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)

    def _item(self, one: DetailDocument, each: _Found) -> ListedItem:
        item = each.item
        found = None if one.id is None else self._find(one.id, item)
        id = usable_name(text_of(found)) if isinstance(found, str | int) else None
        headers = {name.lower(): value for name, value in one.headers.items()}
        body = item if one.wrap is None else {one.wrap: [item]}
        raw = RawDelivery(_encoded(body), {"content-type": "application/json", **headers}, {})
        return ListedItem(id=id, at=each.at, raw=raw, webhook=one.webhook)

    def _find(self, expression: str, value: Any) -> Any:
        """Raises PullFailed."""
        try:
            compiled = self._compiled.get(expression) or Expression(expression)
            self._compiled[expression] = compiled
            self._evaluation.begin(value)
            return self._evaluation.visit(compiled, value)
        except (ExpressionFailed, TooMuchWork) as error:
            detail = f"{self._client.words(str(error))}; check the pull document"
            raise PullFailed(PullEnd.UNREADABLE, detail) from None


def _too_late(document: PullDocument, request: PullRequest) -> str:
    kept = timedelta(days=document.keeps_days or 0)
    if not kept or request.since > datetime.now(UTC) - kept:
        return ""
    return f"{document.pull} lists only the last {kept.days} days: what is older cannot be pulled"


def _parameter(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _written(at: datetime, unit: str) -> str:
    match unit:
        case "seconds":
            return str(int(at.timestamp()))
        case "milliseconds":
            return str(int(at.timestamp() * 1_000))
        case "day":
            return at.date().isoformat()
        case _:
            return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _encoded(value: Any) -> bytes:
    """JSON in one form: what a system writes in another order of members is the same."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _next_link(page: Page) -> str | None:
    """The address of the next page by the header Link (RFC 8288); None on the last one."""
    links = httpx2.Response(200, headers={"link": page.headers.get("link", "")}).links
    return links.get("next", {}).get("url")
