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
from api.http.authentication import Who
from api.http.concurrency import get
from api.http.service import service
from api.http.single_write import OneWrite
from api.routes.me import Me, get_me
from api.serving import collect_seldom, listen
from domain.authority import authority_of
from domain.orders.signals import EARLIEST
from domain.people import OPERATOR, Actor, Grant, Role
from infrastructure.identity.issuer import LocalIssuer
from infrastructure.identity.issuers import Issuer
from infrastructure.personal.vault import vault

AUDIENCE = "casetrail-bench"
ANYBODY = Who(
    Actor("key:000000000000", "ana"),
    "ana",
    (Role.HANDLER,),
    authority=authority_of(
        [Grant(grant="g1", role=Role.HANDLER, granted_at=EARLIEST, granted_by=OPERATOR)]
    ),
)


def get_me_of_anybody(request: Request[Who, str, Any]) -> Me:
    request.scope["user"] = ANYBODY
    found: Me = get_me.fn.__wrapped__(request)
    return found


def main(home: Path) -> None:
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    local = LocalIssuer(home, f"{address}/demo-issuer", AUDIENCE, ["ana"])
    with service(
        os.environ["DATABASE_URL"],
        vault(str(home / "keys"), str(home / "evidence")),
        issuers=[Issuer(local.name, AUDIENCE)],
    ) as ours:
        ours.desks.decide_by()
        app = create_app(ours, issuer=local)
        app.register(get("/open/me", needs=None)(get_me_of_anybody))
        collect_seldom()
        print(f"{address}/", flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            http=OneWrite,
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
