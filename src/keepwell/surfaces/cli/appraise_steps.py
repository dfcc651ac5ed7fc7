"""Commands about one appraisal: assess, ask and rate, approve, return, appeal, answer, notes and trainings."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from keepwell.core.errors import WrongUseError
from keepwell.performance.appraisals.plan import RaterKind
from keepwell.surfaces.cli.appraise_rounds import AppraisalArgument, desk_of, machine, table_of, tell_one
from keepwell.surfaces.cli.console import Format, FormatOption, answer
from keepwell.surfaces.cli.scorecards import marks_of
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.performance.appraisals.outcome import Objective
    from keepwell.performance.appraisals.steps import Judged
    from keepwell.surfaces.rounds import Rounds

MarksOption = Annotated[list[str] | None, typer.Option("--mark", help="A mark: work_quality=7; may be given several times.")]
ObjectivesOption = Annotated[
    list[str] | None,
    typer.Option("--objective", help="Weight, attainment and text of an objective: 40:80:Learn Excel; may be given several times."),
]
WordsOption = Annotated[str | None, typer.Option("--words", help="What to say of it.")]
BecauseOption = Annotated[str, typer.Option(help="Why.", show_default=False)]


def add_to(group: typer.Typer) -> None:
    """Register the commands."""
    group.command("self-assess")(self_assess)
    group.command("ask")(ask)
    group.command("rate")(rate)
    group.command("assess")(assess)
    group.command("approve")(approve)
    group.command("return")(send_back)
    group.command("appeal")(appeal)
    group.command("answer")(answer_appeal)
    group.command("note")(add_note)
    group.command("train")(plan_training)
    group.command("done")(end_training)


def self_assess(
    context: typer.Context, appraisal_id: AppraisalArgument, marks: MarksOption = None, words: WordsOption = None,
    format_: FormatOption = Format.TABLE,
) -> None:  # fmt: skip
    """Write down what the person gives the own work; until an assessor has judged it may be given anew."""
    with desk_of(context) as desk:
        given = _judged(marks, None, words)
        tell_one(desk, desk.self_assess(desk.workspace.clock.now(), machine(), appraisal_id, given), format_)


def ask(
    context: typer.Context,
    appraisal_id: AppraisalArgument,
    rater: Annotated[str, typer.Argument(help="A user's address; of a customer any name.", show_default=False)],
    kind: Annotated[RaterKind, typer.Option(help="What the rater is to the person.", show_default=False)],
    format_: FormatOption = Format.TABLE,
) -> None:
    """Ask somebody about a person or team."""
    # other commands do not wait for the store's libraries
    from keepwell.access.users import users  # noqa: PLC0415 - the store's libraries load slowly
    from keepwell.surfaces.appraised import asked_json  # noqa: PLC0415 - the store's libraries load slowly

    with desk_of(context) as desk:
        rows = asked_json(desk.ask(desk.workspace.clock.now(), machine(), appraisal_id, rater, kind))
        with desk.store.transaction(writes=False) as session:
            names = {u.user_id: u.name for u in users(session)}
        told = [r | {"rater": names.get(r["rater"], r["rater"])} for r in rows]
        answer(rows, lambda: table_of(told, ("rater", "kind", "has_answered"), desk.workspace.place.settings), format_, None)


def rate(
    context: typer.Context,
    appraisal_id: AppraisalArgument,
    rater: Annotated[str, typer.Option(help="Who answers: a user's address, or the customer's name as it was asked.", show_default=False)],
    marks: Annotated[list[str], typer.Option("--mark", help="A mark of every item that asks the rater: cooperation=8.")],
    format_: FormatOption = Format.TABLE,
) -> None:
    """Write down what a rater says, once. Nothing tells afterwards which answer it is; of fewer than three of a kind nothing is told."""
    with desk_of(context) as desk:
        desk.rate(desk.workspace.clock.now(), machine(), appraisal_id, marks_of(marks), rater)
    told = {"appraisal_id": appraisal_id, "is_answered": True}
    answer([told], lambda: Text(appraisal_id), format_, None)


def assess(
    context: typer.Context, appraisal_id: AppraisalArgument, marks: MarksOption = None, objectives: ObjectivesOption = None,
    words: WordsOption = None, format_: FormatOption = Format.TABLE,
) -> None:  # fmt: skip
    """Assess somebody: all marks and objectives at once, or the next version of them. The first time ends the asking of raters."""
    with desk_of(context) as desk:
        given = _judged(marks, objectives, words)
        tell_one(desk, desk.assess(desk.workspace.clock.now(), machine(), appraisal_id, given), format_)


def approve(
    context: typer.Context, appraisal_id: AppraisalArgument, words: WordsOption = None, format_: FormatOption = Format.TABLE
) -> None:
    """Approve what somebody else assessed."""
    with desk_of(context) as desk:
        tell_one(desk, desk.approve(desk.workspace.clock.now(), machine(), appraisal_id, words), format_)


def send_back(
    context: typer.Context, appraisal_id: AppraisalArgument, because: BecauseOption, format_: FormatOption = Format.TABLE
) -> None:
    """Return an appraisal to be assessed anew."""
    with desk_of(context) as desk:
        tell_one(desk, desk.send_back(desk.workspace.clock.now(), machine(), appraisal_id, because), format_)


def appeal(context: typer.Context, appraisal_id: AppraisalArgument, because: BecauseOption, format_: FormatOption = Format.TABLE) -> None:
    """Write down that the person disagrees with what was published."""
    with desk_of(context) as desk:
        tell_one(desk, desk.appeal(desk.workspace.clock.now(), machine(), appraisal_id, because), format_)


def answer_appeal(
    context: typer.Context,
    appraisal_id: AppraisalArgument,
    words: Annotated[str, typer.Option("--words", help="What is answered.", show_default=False)],
    marks: MarksOption = None,
    objectives: ObjectivesOption = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Answer an appeal; with marks or objectives it is judged anew, and what was published before stays in the trail."""
    with desk_of(context) as desk:
        given = _judged(marks, objectives, None) if marks or objectives else None
        tell_one(desk, desk.answer(desk.workspace.clock.now(), machine(), appraisal_id, words, given), format_)


def add_note(
    context: typer.Context,
    appraisal_id: AppraisalArgument,
    text: Annotated[str, typer.Argument(help="The coaching note.", show_default=False)],
    format_: FormatOption = Format.TABLE,
) -> None:
    """Write a coaching note; it is carried into the next rounds of the same person or team."""
    from keepwell.performance.appraisals.development import EntryKind  # noqa: PLC0415 - as above

    with desk_of(context) as desk:
        found = desk.add_entry(desk.workspace.clock.now(), machine(), appraisal_id, EntryKind.COACHING, text)
        _tell_entries(desk, found, format_)


def plan_training(
    context: typer.Context,
    appraisal_id: AppraisalArgument,
    text: Annotated[str, typer.Argument(help="What is to be learnt.", show_default=False)],
    due: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day until which it is due.", show_default=False)] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Plan a training; it is carried into the next rounds until it is done."""
    from keepwell.performance.appraisals.development import EntryKind  # noqa: PLC0415 - as above

    with desk_of(context) as desk:
        day = due.date() if due else None
        found = desk.add_entry(desk.workspace.clock.now(), machine(), appraisal_id, EntryKind.TRAINING, text, day)
        _tell_entries(desk, found, format_)


def end_training(
    context: typer.Context,
    appraisal_id: AppraisalArgument,
    entry_id: Annotated[str, typer.Argument(help="The training: dev_….", show_default=False)],
    format_: FormatOption = Format.TABLE,
) -> None:
    """Note that a training was done."""
    with desk_of(context) as desk:
        _tell_entries(desk, desk.end_training(desk.workspace.clock.now(), machine(), appraisal_id, entry_id), format_)


def _tell_entries(desk: "Rounds", found: list[Any], format_: Format) -> None:
    from keepwell.surfaces.appraised import entry_json  # noqa: PLC0415 - as above

    settings = desk.workspace.place.settings
    rows = [entry_json(e) for e in found]
    shown = [r | {"kind": words_of(settings.locale)(f"appraisal_{r['kind']}")} for r in rows]
    answer(rows, lambda: table_of(shown, ("entry_id", "period", "kind", "text", "due", "done_at"), settings), format_, None)


def _judged(marks: list[str] | None, objectives: list[str] | None, words: str | None) -> "Judged":
    from keepwell.performance.appraisals.steps import Judged  # noqa: PLC0415 - as above

    return Judged(marks_of(marks or []), [_objective(o) for o in objectives or []], words)


def _objective(text: str) -> "Objective":
    from keepwell.performance.appraisals.outcome import Objective  # noqa: PLC0415 - as above

    weight, _, rest = text.partition(":")
    attained, colon, words = rest.partition(":")
    try:
        numbers = Decimal(weight), Decimal(attained)
    except InvalidOperation:
        colon = ""
    if not colon:
        raise WrongUseError(f"{text!r} is no objective.", "Write weight, attainment and text: 40:80:Learn Excel.")
    return Objective(words, *numbers)
