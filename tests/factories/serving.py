"""The application behind a real socket, for browsers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from keepwell.surfaces.web.listening import listening

PATIENCE = 20.0  # seconds


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve on a free port of this machine; gives the address."""
    with listening("127.0.0.1", 0) as socket:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        worker = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
        worker.start()
        until = time.monotonic() + PATIENCE
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            worker.join(PATIENCE)
