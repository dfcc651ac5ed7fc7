"""Where the command begins: small, so that Ctrl-C is answered even while the rest is being loaded."""

import sys
from typing import NoReturn

from keepwell.surfaces.cli import stopping

STOPPED = "Stopped. Nothing is half-written; run the command again when you like.\n"
STOPPED_STATUS = 130


def main() -> None:
    """Run a command: exit status 0 done, 1 something failed, 2 wrong use, 130 stopped by Ctrl-C."""
    stopping.listen()
    try:
        from keepwell.surfaces.cli import app  # noqa: PLC0415 - takes a second to load

        app.main()
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as end:
        # Typer answers Ctrl-C within a command with this status and no word
        if end.code == STOPPED_STATUS:
            _stopped()
        raise


def _stopped() -> NoReturn:
    stopping.ignore()
    sys.stderr.write(STOPPED)
    sys.exit(STOPPED_STATUS)


if __name__ == "__main__":
    main()
