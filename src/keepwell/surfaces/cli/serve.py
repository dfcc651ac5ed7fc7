"""The command that serves the pages."""

from contextlib import nullcontext
from typing import Annotated

import typer
from rich.text import Text

from keepwell.surfaces.cli.console import note, say
from keepwell.surfaces.cli.opening import opened

PORT = 8_000


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on; only this machine by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = PORT,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start no worker: `keepwell worker` is one elsewhere.")] = False,
) -> None:
    """Serve the pages of the workspace, with a worker for its jobs, until it is stopped (Ctrl+C)."""
    # only this command needs them, and they take a second to load
    from keepwell.surfaces.web.app import create_app  # noqa: PLC0415 - see above
    from keepwell.surfaces.web.listening import has_users, listen, listening  # noqa: PLC0415 - see above
    from keepwell.surfaces.worker.child import worker_beside  # noqa: PLC0415 - see above

    workspace = opened(context)
    app = create_app(workspace.place, workspace.clock)
    with listening(host, port) as socket:
        address, number = socket.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        say(Text(f"Keepwell serves {workspace.place.folder} at http://{shown}:{number} (Ctrl+C ends it)"))
        if not has_users(app):
            say(Text("Nobody can sign in yet: keepwell user add EMAIL --name NAME --role administrator", style="yellow"))
        with nullcontext() if no_worker else worker_beside(workspace.place.folder, note):
            listen(app, socket)
