"""The server that `work` is compared with: an asynchronous handler that only inserts one row.

    DATABASE_URL=… python bare_handler.py

Prints its address.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from litestar import Litestar, Request, post
from psycopg_pool import AsyncConnectionPool

POOL = AsyncConnectionPool(
    os.environ["DATABASE_URL"], min_size=8, max_size=8, open=False, kwargs={"autocommit": True}
)


@post("/rows", status_code=200)
async def insert_row(request: Request[None, None, None]) -> dict[str, int]:
    body = await request.body()
    async with POOL.connection() as connection:
        await connection.execute("INSERT INTO bare (body) VALUES (%s)", (body,), prepare=True)
    return {"rows": 1}


@asynccontextmanager
async def opened(_: Litestar) -> AsyncIterator[None]:
    async with POOL:
        async with POOL.connection() as connection:
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, body bytea)"
            )
        yield


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    app = Litestar([insert_row], lifespan=[opened], openapi_config=None)
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
