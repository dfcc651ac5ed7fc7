"""The server: one socket, and Uvicorn behind it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from keepwell.access.users import users
from keepwell.core.errors import KeepwellError
from keepwell.surfaces.web.site import Site

QUEUE = 2_048
LONGEST_GOODBYE = 5  # seconds for answers under way when the server is stopped


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens; a port that is taken, or an address that is not this machine's, is told as such."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
        except (OSError, OverflowError) as error:
            raise KeepwellError(f"Can't listen at {host}:{port}: {error}", "Choose another --port, or stop what uses this one.") from error
        found.listen(QUEUE)
        yield found


def listen(app: FastAPI, found: socket.socket) -> None:
    """Answer until the process is asked to stop."""
    site: Site = app.state.site
    config = uvicorn.Config(app, log_level="warning", server_header=False, date_header=True, timeout_graceful_shutdown=LONGEST_GOODBYE)
    _Server(config, site.jobs.hang_up).run(sockets=[found])


class _Server(uvicorn.Server):
    """Ends answers that go on for as long as a job does, rather than wait for them."""

    def __init__(self, config: uvicorn.Config, hang_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._hang_up = hang_up

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._hang_up()
        super().handle_exit(sig, frame)


def has_users(app: FastAPI) -> bool:
    """Whether anybody could sign in."""
    site: Site = app.state.site
    with site.store.transaction(writes=False) as session:
        return bool(users(session))
