"""An empty route of a FastAPI application without anything of ours, on Granian as the service runs it.

`python -m tests.bench.bare PORT WORKERS`
"""

import sys

from fastapi import FastAPI
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from frontdesk.server import BACKLOG

app = FastAPI()


@app.get("/empty")
async def empty() -> dict[str, str]:
    return {"status": "ok"}


if __name__ == "__main__":
    Server(
        "tests.bench.bare:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        backlog=BACKLOG,
        log_level=LogLevels.warning,
        log_access=False,
    ).serve()
