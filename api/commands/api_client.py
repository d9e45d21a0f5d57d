"""The API as a person calls it from the command line: CASETRAIL_URL is its address, CASETRAIL_TOKEN the token."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import click
import httpx2

from api.commands.addresses import API_PORT
from api.commands.error_text import join_title

DEFAULT_URL: Final = f"http://127.0.0.1:{API_PORT}"
TIMEOUT_SECONDS: Final = 120.0
API_HELP: Final = (
    f"CASETRAIL_URL is the address of the service [{DEFAULT_URL}], CASETRAIL_TOKEN your token "
    "(`casetrail people token NAME` issues one)."
)


@contextmanager
def api_client() -> Iterator[httpx2.Client]:
    """A client with the caller's token. Raises ClickException if none is set or nothing answers."""
    token = os.environ.get("CASETRAIL_TOKEN")
    if not token:
        raise click.ClickException(
            "CASETRAIL_TOKEN is not set. Set it to your token; `casetrail people token NAME` issues one."
        )
    url = _require_address(os.environ.get("CASETRAIL_URL") or DEFAULT_URL)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as client:
            yield client
    except httpx2.HTTPError as error:
        raise click.ClickException(
            f"{url} (CASETRAIL_URL) does not answer: {str(error).rstrip('.')}. "
            "Start the service with `casetrail serve` or `casetrail demo`."
        ) from None


def _require_address(url: str) -> str:
    """The URL. Raises ClickException unless it is http(s)://HOST[:PORT]."""
    if not url.startswith(("http://", "https://")):
        raise click.ClickException(
            f"CASETRAIL_URL must begin with http:// or https://, not {url}. An example: {DEFAULT_URL}"
        )
    try:
        parsed = urlsplit(url)
        is_valid = bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise click.ClickException(
            f"CASETRAIL_URL is not an address: {url}. An example: {DEFAULT_URL}"
        )
    if parsed.path.strip("/") or parsed.query or parsed.fragment:
        raise click.ClickException(
            f"CASETRAIL_URL must be an address without a path: "
            f"{parsed.scheme}://{parsed.netloc}, not {url}"
        )
    return url


def require_success(response: httpx2.Response) -> Any:
    """The JSON of a response. Raises ClickException with the problem if the API refused the request."""
    if response.is_success:
        return response.json()
    try:
        problem = problem_error(response.json())
    except (ValueError, KeyError):
        text = f"{response.url} answered {response.status_code}: {response.text[:200]}"
        raise click.ClickException(text) from None
    raise problem


def problem_error(problem: Any) -> click.ClickException:
    """A problem of the API as an error of the command line, with every fault on a line."""
    faults = [one for one in problem.get("errors", ()) if "pointer" in one]
    # `detail` repeats the first fault of a document, and all faults of parameters.
    lines = [problem["title"] if faults else join_title(problem["title"], problem["detail"])]
    lines += [f"  {fault['pointer'] or '/'}: {fault['detail']}" for fault in faults]
    return click.ClickException("\n".join(lines))
