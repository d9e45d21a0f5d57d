"""Which addresses a pull may send to: public ones by https, and those that the operator of the service names.

Who may set up a source could else make the service read what only its own network may, such as the credentials that
a cloud gives its machines at 169.254.169.254. The name is looked up here and the connection goes to that very
address, so that a name cannot lead elsewhere a moment later.
"""

import ipaddress
import socket
import ssl
from collections.abc import Collection
from contextlib import suppress
from functools import cache

import httpx2

from domain.errors import Fault, Invalid
from infrastructure.pull_hosts import PULL_HOSTS


class AddressNotAllowed(Exception):
    """The address is not one that we send to; the message says why, and what to do."""


def allowed_addresses(url: httpx2.URL, hosts: Collection[str]) -> list[str]:
    """The network addresses to connect to, the best first. Raises AddressNotAllowed, and OSError if the name is not known."""
    is_named = url.host.lower() in hosts or f"{url.host.lower()}:{_port(url)}" in hosts
    if url.scheme != "https" and not is_named:
        raise AddressNotAllowed(
            f"{url.scheme}://{url.host} is not encrypted: use https, or let the operator name the host in {PULL_HOSTS}"
        )
    asked = socket.getaddrinfo(url.host, _port(url), type=socket.SOCK_STREAM)
    found = [*dict.fromkeys(str(one[4][0]) for one in asked)]
    for address in found:
        if not is_named and not _is_public(address):
            raise AddressNotAllowed(
                f"{url.host} is at {address}, which is not a public address: let the operator name the host in "
                f"{PULL_HOSTS}"
            )
    return found


def require_allowed(address: str, hosts: Collection[str]) -> None:
    """Raises Invalid for an address that no pull may send to now. A name that is not known now may be known later: the
    pull looks it up again in any case."""
    try:
        with suppress(OSError):
            allowed_addresses(httpx2.URL(address), hosts)
    except (AddressNotAllowed, httpx2.InvalidURL) as error:
        raise Invalid([Fault("/address", str(error))], "the pull") from None


class CheckedTransport(httpx2.BaseTransport):
    """Connects to allowed addresses only."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = hosts
        self._transport = httpx2.HTTPTransport(verify=_tls_context(), trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises AddressNotAllowed, httpx2.ConnectError and others."""
        host = request.url.host
        try:
            *others, last = allowed_addresses(request.url, self._hosts)
        except OSError as error:
            raise httpx2.ConnectError(f"{host} is not known: {error}", request=request) from None
        # The header Host is set already; the certificate is still that of the name.
        request.extensions = {**request.extensions, "sni_hostname": host}
        for address in others:
            request.url = request.url.copy_with(host=address)
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return self._transport.handle_request(request)
        request.url = request.url.copy_with(host=last)
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


@cache
def _tls_context() -> ssl.SSLContext:
    """The trusted certificates, read once: reading them takes longer than a request."""
    return httpx2.create_ssl_context()


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address.is_global and not address.is_multicast and (inner is None or inner.is_global)
