"""Commands that write reports: the review of a period as PDF, PowerPoint and Excel."""

from pathlib import Path
from typing import Annotated

import typer

from keepwell.core.errors import WrongUseError
from keepwell.core.settings import Locale
from keepwell.surfaces.cli.console import write_file
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.reports.formats import Kind, file_name, written


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Reports to take to a meeting: the review of a period.", no_args_is_help=True)
    group.command("review")(review)
    # a group of one command is still a group
    group.callback()(lambda: None)
    app.add_typer(group, name="report")


def review(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", help="A file, or for several a folder.", show_default=False)],
    period: Annotated[str, typer.Option(help="A week, month, quarter or year: 2026-W43, 2026-10, 2026-Q3, 2026.")] = "last-month",
    kinds: Annotated[
        list[Kind] | None,
        typer.Option("--format", help="Several times for several; by default as the file is called, of a folder all.", show_default=False),
    ] = None,
    languages: Annotated[
        list[Locale] | None, typer.Option("--language", help="Several times for several; by default the workspace's.", show_default=False)
    ] = None,
    card: Annotated[str, typer.Option(help="The scorecard in it.")] = "company",
) -> None:
    """Write the review of a period: what moved and why, scorecard, targets, customers who moved, what the models say, an agenda."""
    from keepwell.store.db import store_of  # noqa: PLC0415 - other commands do not wait for the store's libraries
    from keepwell.surfaces.reports.review import review_document  # noqa: PLC0415 - the same
    from keepwell.surfaces.reviews import Reviews  # noqa: PLC0415 - the same

    workspace = opened(context)
    settings = workspace.place.settings
    asked = _asked(output, kinds or [], list(dict.fromkeys(languages or [settings.locale])))
    with store_of(workspace.place) as store:
        found = Reviews(workspace, store).review(period, card)
    company = workspace.place.folder.resolve().name
    documents = {language: review_document(found, settings, company, language) for _, language in asked}
    for kind, language in asked:
        target = output if len(asked) == 1 and not _is_folder(output) else output / file_name("review", found.period.label, language, kind)
        write_file(target, written(kind, documents[language]))
        typer.echo(str(target))


def _asked(output: Path, kinds: list[Kind], languages: list[Locale]) -> list[tuple[Kind, Locale]]:
    """Every file that is wanted. One file has one format and one language."""
    if _is_folder(output):
        return [(kind, language) for language in languages for kind in dict.fromkeys(kinds or Kind)]
    suffix = output.suffix.removeprefix(".").lower()
    if not kinds and suffix not in set(Kind):
        raise WrongUseError(f"{output} does not end as a report does.", "End it in .pdf, .pptx or .xlsx, or give --format.")
    chosen = list(dict.fromkeys(kinds)) or [Kind(suffix)]
    if len(chosen) * len(languages) > 1:
        raise WrongUseError(
            f"{output} is one file, and {len(chosen) * len(languages)} are asked for.", f"Give a folder: -o {output.parent}/"
        )
    return [(chosen[0], languages[0])]


def _is_folder(output: Path) -> bool:
    return output.is_dir() or not output.suffix
