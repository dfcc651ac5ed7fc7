"""Commands about the workspace itself: init, doctor."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.errors import KeepwellError
from keepwell.core.settings import Settings, from_values
from keepwell.core.workspace import create_workspace
from keepwell.lake import delta
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, say
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.doctor import Finding, State, examine
from keepwell.surfaces.words import words_of

COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("init")(init)
    app.command("doctor")(doctor)


def init(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="The folder; by default the one named with -w.")] = None,
    profile: Annotated[str, typer.Option(help="retail, saas, b2b or airline.")] = "retail",
    currency: Annotated[str, typer.Option(help="Reporting currency, ISO 4217.")] = "CNY",
    locale: Annotated[str, typer.Option(help="Language of labels: en or zh.")] = "en",
    timezone: Annotated[str, typer.Option(help="Reporting time zone, IANA name.")] = "UTC",
    week_start: Annotated[str, typer.Option(help="First day of a week.")] = "monday",
    fiscal_start: Annotated[int, typer.Option(help="Month in which the fiscal year starts.")] = 1,
) -> None:
    """Create a workspace."""
    values: dict[str, Any] = {
        "profile": profile, "currency": currency.upper(), "locale": locale, "timezone": timezone,
        "week_start": week_start.lower(), "fiscal_start": fiscal_start,
    }  # fmt: skip
    settings: Settings = from_values(values, "init")
    path = folder or context.obj
    delta.check_folder_name(path)
    workspace = create_workspace(path, settings)
    say(Text(f"Workspace made in {workspace.folder}\n{settings.profile}, {settings.currency}, {settings.timezone}, {settings.locale}"))
    say(Text(f"Next: keepwell -w {shlex.quote(str(path))} import FILE --as orders", style="dim"))


def doctor(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Check settings, lake, engine, disk and libraries, and say what to do."""
    workspace = opened(context)
    findings = examine(workspace.place)
    word = words_of(workspace.place.settings.locale)

    def table() -> Table:
        shown = Table(word("check"), word("state"), "", word("advice"), box=None, pad_edge=False)
        for f in findings:
            shown.add_row(f.check, Text(word(f.state), style=COLOURS[f.state]), f.found, f.advice)
        return shown

    answer([f.to_json() for f in findings], table, format_, output)
    wrong = [f for f in findings if f.state is State.FAILED]
    if wrong:
        raise KeepwellError(f"{len(wrong)} of {len(findings)} checks failed: {', '.join(f.check for f in wrong)}.", _first_advice(wrong))


def _first_advice(wrong: list[Finding]) -> str:
    return wrong[0].advice
