"""The server of `authorize`: the real application, and one of its routes a second time, open to all.

    DATABASE_URL=… python -m tests.benchmarks.open_route HOME

Prints its address. The open route has the same handler, with a fixed person who is not authenticated.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Request

from api.app import create_app
from api.http.authentication import Principal
from api.http.concurrency import get
from api.http.service import ServiceDependency, service
from api.http.single_write import SingleWriteProtocol
from api.routes.me import Me, get_me
from api.serving import listen
from domain.authority import authority_of
from domain.orders.signal_times import EARLIEST
from domain.people import OPERATOR_ACTOR, Actor, Role
from domain.person import Grant
from infrastructure.garbage_collection import tune_garbage_collection
from infrastructure.identity.local_issuer import LocalIssuer
from infrastructure.identity.trusted_issuers import Issuer
from infrastructure.personal.vault import open_vault

AUDIENCE = "casetrail-bench"
ANYBODY = Principal(
    Actor("key:000000000000", "ana"),
    "ana",
    (Role.HANDLER,),
    authority=authority_of(
        [Grant(grant="g1", role=Role.HANDLER, granted_at=EARLIEST, granted_by=OPERATOR_ACTOR)]
    ),
)


def get_me_of_anybody(request: Request[Principal, str, Any], service: ServiceDependency) -> Me:
    request.scope["user"] = ANYBODY
    found: Me = get_me.fn.__wrapped__(request=request, service=service)
    return found


def main(home: Path) -> None:
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    local = LocalIssuer(home, f"{address}/demo-issuer", AUDIENCE, ["ana"])
    with service(
        os.environ["DATABASE_URL"],
        open_vault(str(home / "keys"), str(home / "evidence")),
        issuers=[Issuer(local.name, AUDIENCE)],
    ) as ours:
        ours.desks.ensure_policy()
        app = create_app(ours, issuer=local)
        app.register(get("/open/me", needs=None)(get_me_of_anybody))
        tune_garbage_collection()
        print(f"{address}/", flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            http=SingleWriteProtocol,
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
