"""What a system answered, in words that are safe to record: one line, short, without our secret."""

import base64
import html
import json
import re
from typing import Any, Final
from urllib.parse import quote

import httpx2
from msgspec import Struct

from application.sources.ports import PullFailed
from domain.sources.pulls import PullEnd

SHOWN: Final = 120
"""Characters of an answer."""
FIRST_BYTES: Final = 1 << 13
"""So much is read of an answer that is an error."""
_MOST_NAMES: Final = 10
_INVISIBLE: Final = re.compile(
    r"(?is)<(script|style|head|title)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)|<[^>]*(>|$)"
)
_TITLE: Final = re.compile(r"(?is)<title[^>]*>(.*?)</title")
_MAYBE_JSON: Final = ("{", "[", '"')
_ADVICE: Final = {
    204: "a list is answered with 200: check the path in the pull document",
    400: "check the parameters in the pull document",
    401: "the secret is refused: give a valid one with `casetrail sources pull-secret`",
    403: "the secret has no permission to read this list: add it in the system",
    404: "there is no such list: check the address, and the path in the pull document",
    405: "there is no list that is read with GET: check the path in the pull document",
    406: "the list is not given as JSON: check the path in the pull document",
    407: "a proxy wants a password: no proxy is used, so check the address",
    410: "there is no such list any more: check its version in the address",
    422: "check the parameters in the pull document",
}


class Answer(Struct, frozen=True):
    """An answer as it came; of an error, only the first bytes."""

    url: httpx2.URL
    status: int
    headers: httpx2.Headers
    content: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def first_text(self) -> str:
        return self.content[:FIRST_BYTES].decode(errors="replace").lstrip("\ufeff \t\r\n")


class SafeWords:
    """Makes texts of a system safe to record."""

    def __init__(self, secret: str | None, user: str | None = None) -> None:
        """`user` is sent with the secret by HTTP Basic."""
        forms = []
        if secret:
            pair = base64.b64encode(f"{user or ''}:{secret}".encode()).decode()
            for one in (secret, pair):
                forms += [one, quote(one, safe=""), quote(one), json.dumps(one)[1:-1]]
                forms.append(one.replace("/", "\\/"))
        self._forms = sorted({*forms}, key=len, reverse=True)

    def __call__(self, text: str, most: int = SHOWN) -> str:
        """In one line, without our secret, and not longer than this."""
        for form in self._forms:
            text = text.replace(form, "[secret]")
        line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
        return line if len(line) <= most else f"{line[:most]}…"

    def answer(self, answer: Answer) -> str:
        """Such as `https://example.org/items answered 502 with text/html: "Bad Gateway"`."""
        kind = f" with {self(answer.media_type, 60)}" if answer.media_type else ""
        beginning = self.beginning(answer)
        return f"{self.place(answer.url)} answered {answer.status}{kind}: {beginning}"

    def beginning(self, answer: Answer) -> str:
        """The first words that a person would see. What may be a list is not shown: it has the data of customers."""
        text = answer.first_text
        if not text:
            return "an empty answer"
        if answer.status == 200 and text.startswith(_MAYBE_JSON):
            return f"JSON of {len(answer.content)} bytes"
        if "html" in answer.media_type or text[:1] == "<":
            title = _TITLE.search(text)
            text = html.unescape(f"{title[1] if title else ''} {_INVISIBLE.sub(' ', text)}")
        return f'"{self(text)}"'

    def place(self, url: httpx2.URL) -> str:
        """The address without its query, which may name a person."""
        return self(str(url.copy_with(query=None, fragment=None, userinfo=b"")), 300)

    def shape(self, value: Any) -> str:
        """What a value of an answer is, by the names of its members alone."""
        match value:
            case dict() if value:
                names = [self(one, 40) for one in [*value][:_MOST_NAMES]]
                more = ", …" if len(value) > _MOST_NAMES else ""
                return f"an object with {', '.join(names)}{more}"
            case dict():
                return "an empty object"
            case list():
                return f"a list of {len(value)}"
            case None:
                return "null"
            case bool():
                return "true or false"
            case int() | float():
                return "a number"
            case _:
                return "a text"


def refused(answer: Answer, words: SafeWords) -> PullFailed:
    """Why an answer ends the pull."""
    if 300 <= answer.status < 400:
        return PullFailed(PullEnd.NOT_ALLOWED, _redirected(answer, words))
    advice = _ADVICE.get(answer.status, "ask those who run the system what this means")
    return PullFailed(PullEnd.REFUSED, f"{words.answer(answer)}; {advice}")


def not_json(answer: Answer, error: Exception, words: SafeWords) -> str:
    """Why an answer cannot be read, and what to do."""
    if not answer.first_text.startswith(_MAYBE_JSON):
        return f"{words.answer(answer)}, which is not JSON; check the address, and the path in the pull document"
    return (
        f"{words.answer(answer)}, {words(str(error))}; if it is cut off each time, ask for fewer items in the "
        "`parameters`"
    )


def _redirected(answer: Answer, words: SafeWords) -> str:
    place, link = words.place(answer.url), answer.headers.get("location", "").strip()
    if not link:
        return (
            f"{words.answer(answer)}, without a `Location`: it leads elsewhere and does not say where; check the "
            "address, and the path in the pull document"
        )
    try:
        to = words.place(answer.url.join(link))
    except (httpx2.InvalidURL, ValueError):
        to = f'"{words(link)}", which is no address'
    return (
        f"{place} answered {answer.status} and leads to {to}; redirects are not followed: set the address to where "
        "the list is"
    )
