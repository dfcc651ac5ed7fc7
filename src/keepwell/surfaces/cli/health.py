"""Commands about customers' health: the definition with its check, one customer, and what is said against a score."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.core.settings import Locale, Settings
from keepwell.performance.health.override import Wanted, day_of, score_of
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.health import Console, CustomerHealth, Defined

CustomerArgument = Annotated[str, typer.Argument(help="The customer's id.", show_default=False)]
STYLES = {"healthy": "green", "watch": "yellow", "at_risk": "red"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(
        help="The health of customers: its definition and whether it foretold who left; show, override.",
        invoke_without_command=True,
        callback=show_definition,
    )
    group.command("show")(show_customer)
    group.command("override")(override)
    app.add_typer(group, name="health")


def show_definition(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Show by which definition the published run computed the health of customers, and bands on an earlier day by who left after it."""
    if context.invoked_subcommand is not None:
        return
    from keepwell.surfaces.health import defined_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    found = console.defined()
    told = defined_json(found)
    answer(told["parts"], lambda: _definition(found, settings.locale), format_, output, as_json=told)


def show_customer(
    context: typer.Context, customer_id: CustomerArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None
) -> None:
    """Show a customer's health: the score with its parts, and the override beside it."""
    settings, console = _console(context)
    _show(console.of(customer_id), settings, format_, output)


def override(
    context: typer.Context,
    customer_id: CustomerArgument,
    band: Annotated[str | None, typer.Option(help="healthy, watch or at_risk.")] = None,
    score: Annotated[str | None, typer.Option(help="0 to 100, where it is no band.")] = None,
    reason: Annotated[str | None, typer.Option(help="What the score does not know.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose word it is: a user's address.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day on which it counts, such as 2027-03-31; within a year.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End the one that counts: the score counts again.")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Say otherwise than the score, with a reason, an owner and an expiry; the score stays beside it, and no run erases it."""
    settings, console = _console(context)
    found = (
        console.end(customer_id)
        if end
        else console.override(customer_id, Wanted(band, score_of(score or ""), reason or "", owner or "", day_of(until or "")))
    )
    _show(found, settings, format_, None)


def _console(context: typer.Context) -> "tuple[Settings, Console]":
    from keepwell.surfaces.health import Console  # noqa: PLC0415 - the store's libraries load slowly

    workspace = opened(context)
    return workspace.place.settings, Console(workspace)


def _show(found: "CustomerHealth", settings: Settings, format_: Format, output: Path | None) -> None:
    from keepwell.surfaces.health import customer_json  # noqa: PLC0415 - the store's libraries load slowly

    told = customer_json(found)
    answer(told["parts"], lambda: _customer(found, settings.locale), format_, output, as_json=told)


def _definition(found: "Defined", locale: Locale) -> Group:
    from keepwell.surfaces import health_told as told  # noqa: PLC0415 - the store's libraries load slowly

    word, health = words_of(locale), found.known.health
    parts = _table(word, "part", "better", "bounds", "weight")
    for p in health.parts:
        parts.add_row(
            told.part_label(p.measure, locale), told.direction_words(p, locale), Text(told.bounds_words(p)), told.percent(p.weight)
        )
    bands = _table(word, "band", "points", "customers")
    for band, label, ends in told.band_rows(health, locale):
        bands.add_row(Text(label, style=STYLES[band]), Text(ends), f"{found.counts[band]:,}")
    shown: list[RenderableType] = [
        Text(f"{health.title[str(locale)]}: {told.version_words(found.known, locale)}", style="bold"),
        Text(health.meaning[str(locale)]), Text(), parts, Text(), bands, Text(), *(Text(rule) for rule in told.rules(health, locale)),
    ]  # fmt: skip
    for check in found.known.checks:
        made = _table(word, "band", "customers", "left", "share", "interval")
        for of, *cells in told.check_rows(check, locale):
            made.add_row(Text(cells[0], style=STYLES.get(of or "", "")), *cells[1:])
        shown += [Text(), Text(told.check_title(check, locale), style="bold"), made, Text(told.check_verdict(check, locale))]
    if not found.known.checks:
        shown += [Text(), Text(word("health_no_checks"))]
    return Group(*shown)


def _customer(found: "CustomerHealth", locale: Locale) -> Group:
    from keepwell.surfaces import health_told as told  # noqa: PLC0415 - the store's libraries load slowly

    word, computed, said = words_of(locale), found.computed, found.override
    band = told.band_label(computed.band, locale)
    score = word("health_score").format(score=told.points_words(computed.score), band=band)
    if computed.score is None:
        score = word("health_no_score").format(known=f"{computed.known:.0f}")
    shown: list[RenderableType] = [Text(score, style=STYLES.get(computed.band or "", "bold"))]
    if said is not None:
        fields = {"said": told.said_words(said, locale), "until": said.until, "owner": said.owner_name, "reason": said.reason}
        shown.append(Text(word("health_overridden").format(**fields), style="bold"))
    parts = _table(word, "part", "value", "better", "bounds", "weight", "points", "adds")
    for p in computed.parts:
        value = word("health_unknown") if p.value is None else told.value_words(p.part.measure.kind, p.value)
        parts.add_row(
            told.part_label(p.part.measure, locale), value, told.direction_words(p.part, locale), Text(told.bounds_words(p.part)),
            told.percent(p.share), told.points_words(p.points), told.points_words(p.adds),
        )  # fmt: skip
    shown += [Text(), parts]
    if found.history:
        made = _table(word, "said", "reason", "owner", "until", "made_by", "state")
        for o in found.history:
            state = word(f"health_state_{o.state(found.today)}")
            made.add_row(told.said_words(o, locale), Text(o.reason), Text(o.owner_name), str(o.until), Text(o.made_by_name), state)
        shown += [Text(), Text(word("health_history"), style="bold"), made]
    return Group(*shown)


def _table(word: Callable[[str], str], *columns: str) -> Table:
    made = Table(box=None, pad_edge=False)
    for column in columns:
        is_number = column in {"weight", "customers", "left", "share", "adds"}
        made.add_column(word(f"health_{column}"), justify="right" if is_number else "left")
    return made
