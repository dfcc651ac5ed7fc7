"""Commands about targets: set, list, show, end, resume; and the objectives that group them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.core.settings import Settings
from keepwell.metrics.kpi import Unit
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, say
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.figures import figure, short_money
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.targets import Checked, Console

TargetArgument = Annotated[str, typer.Argument(help="Its id: tgt_…, see `keepwell target list`.", show_default=False)]
GOING = {"reached", "on_track"}
STYLES = {"reached": "green", "on_track": "green", "at_risk": "yellow", "off_track": "red", "missed": "red"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(
        help="What KPIs shall come to, and how likely they do: set, list, show, end, resume; objectives that group them.",
        no_args_is_help=True,
    )
    group.command("set")(set_target)
    group.command("list")(list_targets)
    group.command("show")(show_target)
    group.command("end")(end_target)
    group.command("resume")(resume_target)
    group.command("objective")(add_objective)
    group.command("objectives")(list_objectives)
    group.command("delete-objective")(delete_objective)
    group.command("restore-objective")(restore_objective)
    app.add_typer(group, name="target")


def set_target(
    context: typer.Context,
    kpi: Annotated[str, typer.Argument(help="The KPI's name, such as repeat_purchase_rate.", show_default=False)],
    value: Annotated[str, typer.Argument(help="What it shall come to: 32%, 1200000, 4h.", show_default=False)],
    by: Annotated[str | None, typer.Option(help="The month, quarter or year that shall reach it: 2027-03, 2027-Q1, 2027.")] = None,
    of: Annotated[
        str | None, typer.Option("--of", help="Of whom: region=East, team=Service, person=e-12, or another dimension of the KPI.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is: a user's address.")] = None,
    why: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    objective: Annotated[str | None, typer.Option(help="The objective that it belongs to: obj_….")] = None,
    because: Annotated[str | None, typer.Option(help="Where there is one already: why it changes.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look at what it would be: nothing is set.")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Set a target, or change it: its baseline, the way by month, the SMART check and how likely it is as things go."""
    from keepwell.surfaces.targets import Wanted  # noqa: PLC0415 - other commands do not wait for the store's libraries

    settings, console = _console(context)
    wanted = Wanted(kpi, value, by, of, None, why, objective, because)
    _show(console.set(wanted, owner, is_only_checked=check), settings, format_)


def list_targets(
    context: typer.Context,
    ended: Annotated[bool, typer.Option("--ended", help="Ended ones too.")] = False,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List targets by deadline: baseline, where they stand, where they end as things go, and how likely that is."""
    from keepwell.surfaces.targets import target_json  # noqa: PLC0415 - as above

    settings, console = _console(context)
    found = console.all(with_ended=ended)
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_targets")))
        return
    told = [target_json(c) for c in found]
    flat = [{k: v for k, v in t.items() if k not in {"path", "smart", "lacks"}} for t in told]
    answer(flat, lambda: _table(found, settings), format_, output, as_json=told)


def show_target(context: typer.Context, target_id: TargetArgument, format_: FormatOption = Format.TABLE) -> None:
    """Show a target: the way by period, the SMART check, every version that it had."""
    settings, console = _console(context)
    _show(console.one(target_id), settings, format_)


def end_target(
    context: typer.Context,
    target_id: TargetArgument,
    because: Annotated[str, typer.Option(help="Why it ends.", show_default=False)],
    format_: FormatOption = Format.TABLE,
) -> None:
    """End a target: it counts no more, and stays on the cards of before."""
    settings, console = _console(context)
    _show(console.end(target_id, because), settings, format_)


def resume_target(context: typer.Context, target_id: TargetArgument, format_: FormatOption = Format.TABLE) -> None:
    """Take back the end of a target."""
    settings, console = _console(context)
    _show(console.resume(target_id), settings, format_)


def add_objective(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What shall be achieved.", show_default=False)],
    owner: Annotated[str | None, typer.Option(help="Whose it is: a user's address.")] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Add an objective; targets that name it are its key results."""
    made = _console(context)[1].add_objective(title, owner)
    if format_ is Format.TABLE:
        typer.echo(made.objective_id)
    else:
        answer([vars(made)], Table, format_, None)


def list_objectives(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List objectives, with how many of their key results are on track."""
    settings, console = _console(context)
    found = console.objectives()
    word = words_of(settings.locale)
    if not found and format_ is Format.TABLE:
        say(Text(word("no_objectives")))
        return

    def table() -> Table:
        made = Table(word("target_id"), word("objective"), word("objective_targets"), box=None, pad_edge=False)
        targets = console.all(with_ended=False)
        for o in found:
            states = [t.standing.state for t in targets if t.target.aim.objective_id == o.objective_id]
            going = word("objective_going").format(good=sum(s in GOING for s in states), all=len(states)) if states else ""
            made.add_row(o.objective_id, Text(o.title), going)
        return made

    answer([vars(o) for o in found], table, format_, output)


def delete_objective(
    context: typer.Context, objective_id: Annotated[str, typer.Argument(help="Its id: obj_….", show_default=False)]
) -> None:
    """Delete an objective; its targets stay. `restore-objective` brings it back."""
    settings, console = _console(context)
    console.delete_objective(objective_id)
    say(Text(words_of(settings.locale)("objective_gone").format(objective_id=objective_id)))


def restore_objective(
    context: typer.Context, objective_id: Annotated[str, typer.Argument(help="Its id: obj_….", show_default=False)]
) -> None:
    """Bring back an objective that was deleted."""
    typer.echo(_console(context)[1].restore_objective(objective_id).objective_id)


def _console(context: typer.Context) -> "tuple[Settings, Console]":
    # other commands do not wait for the store's libraries
    from keepwell.surfaces.targets import Console  # noqa: PLC0415 - see above

    workspace = opened(context)
    return workspace.place.settings, Console(workspace)


def _show(found: "Checked", settings: Settings, format_: Format) -> None:
    from keepwell.surfaces.targets import target_json, versions_json  # noqa: PLC0415 - as above

    told = target_json(found) | {"versions": versions_json(found.target)}
    flat = {k: v for k, v in told.items() if k not in {"path", "smart", "lacks", "versions"}}
    answer(
        [flat],
        lambda: Group(_table([found], settings), Text(), _smart(found, settings), Text(), _way(found, settings)),
        format_,
        None,
        as_json=told,
    )


def _table(found: "list[Checked]", settings: Settings) -> Table:
    word = words_of(settings.locale)
    table = Table(box=None, pad_edge=False)
    columns = ("kpi", "target_slice", "target_deadline", "target_baseline", "target_value", "target_expected", "target_aim")
    for name in (*columns, "target_forecast", "target_probability", "target_state", "target_id"):
        is_number = name.removeprefix("target_") in {"baseline", "value", "expected", "aim", "forecast", "probability"}
        table.add_column(word(name), justify="right" if is_number else "left", no_wrap=name == "target_id")
    for c in found:
        aim, stands = c.target.aim, c.standing
        state = str(stands.state)
        table.add_row(
            Text(c.kpi.title[str(settings.locale)]),
            Text(slice_words(c, settings)),
            aim.period,
            *(_figure(c, v, settings) for v in (c.target.now.baseline, stands.value, stands.expected, aim.value)),
            _figure(c, stands.forecast.value if stands.forecast else None, settings),
            "" if stands.probability is None else f"{stands.probability:.0%}",
            Text(word(f"target_{state}"), style=STYLES.get(state, "")),
            c.target.target_id or "–",
        )
    return table


def slice_words(found: "Checked", settings: Settings) -> str:
    """Of whom a target is: the company, or a member of a dimension."""
    aimed = found.target.aim.slice
    return aimed.member if aimed.member is not None else words_of(settings.locale)("target_company")


def _figure(found: "Checked", value: Any, settings: Settings) -> str:
    if value is None:
        return ""
    return short_money(value, settings) if found.kpi.unit is Unit.MONEY else figure(value, found.kpi.unit, settings)


def _smart(found: "Checked", settings: Settings) -> Table:
    word = words_of(settings.locale)
    table = Table(box=None, pad_edge=False, show_header=False)
    for c in found.smart:
        mark = "✓" if c.lack is None else "!" if c.is_doubt else "✗"
        table.add_row(mark, word(f"smart_{c.letter}"), Text(word(f"smart_{c.lack}") if c.lack else word("smart_met")))
    return table


def _way(found: "Checked", settings: Settings) -> Table:
    word = words_of(settings.locale)
    table = Table(word("period"), box=None, pad_edge=False)
    table.add_column(word("target_path"), justify="right")
    for s in found.target.now.path:
        table.add_row(s.period, _figure(found, s.value, settings))
    return table
