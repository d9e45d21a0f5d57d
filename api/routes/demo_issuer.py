"""The token issuer of the demonstration, served with the API and verified over HTTP like any other."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from litestar import Response
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body

from api.http.concurrency import get, post
from infrastructure.identity.local_issuer import LocalIssuer, SignInRefused

PATH: Final = "/demo-issuer"
_FRESH: Final = {"Cache-Control": "no-store"}
Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


def demo_issuer_routes(issuer: LocalIssuer) -> Sequence[HTTPRouteHandler]:
    @get(f"{PATH}/.well-known/openid-configuration", needs=None, include_in_schema=False)
    def get_configuration() -> Mapping[str, Any]:
        return issuer.configuration()

    @get(f"{PATH}/jwks.json", needs=None, include_in_schema=False)
    def get_keys() -> Mapping[str, Any]:
        return issuer.jwks()

    @post(f"{PATH}/token", needs=None, include_in_schema=False)
    def sign_in(data: Form) -> Response[Mapping[str, Any]]:
        try:
            return Response(issuer.token(data, datetime.now(UTC)), headers=_FRESH)
        except SignInRefused as refused:
            # OAuth clients expect this form of error (RFC 6749, 5.2), not a problem document.
            status = 401 if str(refused) == "invalid_client" else 400
            return Response({"error": str(refused)}, status_code=status, headers=_FRESH)

    return get_configuration, get_keys, sign_in
