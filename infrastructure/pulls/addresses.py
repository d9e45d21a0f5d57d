"""Which addresses a pull may send to: public ones by https, and those that the operator of the service names.

Who may set up a source could else make the service read what only its own network may, such as the credentials that
a cloud gives its machines at 169.254.169.254. The name is looked up here and the connection goes to that very
address, so that a name cannot lead elsewhere a moment later.
"""

import ipaddress
import socket
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final

import httpx2

from domain.errors import Fault, Invalid
from infrastructure.pull_hosts import PULL_HOSTS
from infrastructure.tls import tls_context

_GIVEN_OUT: Final = ipaddress.IPv6Network("2000::/3")
"""Every public IPv6 address is in it, but for those that say an IPv4 address in another way."""
_SAYS_IPV4: Final = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))
"""Such addresses: their last 32 bits are sent to, by this machine itself or by a gateway (NAT64)."""


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
    """Connects to allowed addresses only, once at a time, and can cut the connection from another thread."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = hosts
        limits = httpx2.Limits(max_connections=1)
        self._transport = httpx2.HTTPTransport(verify=tls_context(), trust_env=False, limits=limits)
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        """Another handle of the connection: TLS takes the first one away during its handshake."""
        self._is_cut = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises AddressNotAllowed, httpx2.ConnectError and others."""
        host = request.url.host
        try:
            *others, last = allowed_addresses(request.url, self._hosts)
        except OSError as error:
            raise httpx2.ConnectError(f"{host} is not known: {error}", request=request) from None
        # The header Host is set already; the certificate is still that of the name.
        request.extensions = {**request.extensions, "sni_hostname": host, "trace": self._trace}
        for address in others:
            request.url = request.url.copy_with(host=address)
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return self._transport.handle_request(request)
        request.url = request.url.copy_with(host=last)
        return self._transport.handle_request(request)

    def cut(self) -> None:
        """Let the request that runs in another thread fail, and all later ones."""
        with self._lock:
            self._is_cut = True
            self._shut_down()

    def close(self) -> None:
        self._transport.close()
        with self._lock:
            if self._socket is not None:
                self._socket.close()

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by the library at each step of a request."""
        if event != "connection.connect_tcp.complete":
            return
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = info["return_value"].get_extra_info("socket").dup()
            if self._is_cut:
                self._shut_down()

    def _shut_down(self) -> None:
        """Whoever reads from the connection or writes to it gets an error at once."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _SAYS_IPV4):
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        elif address not in _GIVEN_OUT:
            return False
        elif address.sixtofour is not None:
            address = address.sixtofour
    return address.is_global and not address.is_multicast
