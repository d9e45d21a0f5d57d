"""The TLS settings of all our requests to other systems."""

import ssl
from functools import cache

import httpx2


@cache
def tls_context() -> ssl.SSLContext:
    """The trusted certificates, read once: reading them takes longer than a request."""
    return httpx2.create_ssl_context()
