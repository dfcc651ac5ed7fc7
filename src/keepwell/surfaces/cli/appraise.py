"""Commands about appraisals: the fair comparison of teams and people, and the group in which the others are."""

from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from keepwell.core.settings import Settings
from keepwell.metrics.kpi import Kpi
from keepwell.surfaces.appraisals import Appraisals, rows_of
from keepwell.surfaces.cli import appraise_rounds, appraise_steps
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.figures import figure
from keepwell.surfaces.words import words_of


class WithOldForm(TyperGroup):
    """``keepwell appraise KPI --by …``, as the comparison was called when it stood alone, is ``keepwell appraise compare KPI --by …``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The rest of a command line, with ``compare`` where the old form is meant."""
        is_comparison = any(a == "--by" or a.startswith("--by=") for a in args)
        if args and args[0] not in self.commands and is_comparison:
            args = ["compare", *args]
        return super().parse_args(ctx, args)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(
        cls=WithOldForm,
        help="Appraise people and teams: compare them, open a round, assess, ask raters, approve, publish, answer appeals.",
        no_args_is_help=True,
    )
    group.command("compare")(compare)
    appraise_rounds.add_to(group)
    appraise_steps.add_to(group)
    app.add_typer(group, name="appraise")


def compare(
    context: typer.Context,
    kpi: Annotated[str, typer.Argument(help="A share of rows, such as csat.", show_default=False)],
    by: Annotated[str, typer.Option(help="Who is compared: a dimension of the KPI, such as employee_id.team.", show_default=False)],
    mix: Annotated[str, typer.Option(help="What is allowed for: a dimension of their customers, such as kind.", show_default=False)],
    period: Annotated[str, typer.Option(help="A month, quarter or year: 2026-10, 2026-Q3, 2026.")] = "last-month",
    least: Annotated[int, typer.Option(min=1, help="With fewer results a team is masked.")] = 30,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Compare teams or people fairly: allowing for the customers they have, and for how little is known of small ones."""
    workspace = opened(context)
    found = Appraisals(workspace).compared(kpi, by, mix, period, least)
    rows = rows_of(found)
    settings = workspace.place.settings
    answer(rows, lambda: _table(rows, workspace.kpis[kpi], settings), format_, output)


def _table(rows: list[dict[str, Any]], kpi: Kpi, settings: Settings) -> Group:
    word = words_of(settings.locale)
    table = Table(box=None, pad_edge=False)
    for column in ("member", "n", "observed", "expected", "standing", "rank"):
        table.add_column(word(f"appraise_{column}"), justify="left" if column == "member" else "right")
    for row in rows:
        if row["is_masked"]:
            table.add_row(Text(row["member"]), "", "", "", word("too_few"), "")
            continue
        observed, expected, standing = (figure(row[c], kpi.unit, settings) for c in ("observed", "expected", "standing"))
        ends = [figure(row["standing"] - row["fair"] + row[end], kpi.unit, settings) for end in ("low", "high")]
        table.add_row(Text(row["member"]), f"{row['n']:,}", observed, expected, f"{standing} ({ends[0]} – {ends[1]})", str(row["rank"]))
    return Group(Text(kpi.title[str(settings.locale)], style="bold"), table, Text(word("appraise_note"), style="dim"))
