"""Who moved: customers by the state in one run and the state in another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.access.visible import seen_tables
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.models.estimators import lifecycle, rfm, tiers

# as people call it -> the score, the model that gives it, its values in their order with their labels
STATES = {
    "tier": ("tier", "tiers", {name: (name, name) for name in tiers.NAMES}),
    "lifecycle": ("lifecycle_stage", "lifecycle", lifecycle.LABELS),
    "rfm": ("rfm_group", "rfm", rfm.LABELS),
}
ALIASES = {column: name for name, (column, _, _) in STATES.items()}
CAME, GONE, NONE = "(came)", "(gone)", "(none)"  # not in the earlier run, not in the later one, there without the state
OTHERS = {CAME: ("Not there before", "此前不在"), GONE: ("Not there any more", "已不在"), NONE: ("Without one", "无")}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Move:
    """How many customers went from one state to another; ``share`` is of those who were in the first."""

    before: str
    after: str
    customers: int
    share: float


@dataclass(frozen=True)
class Transitions:
    """Every customer of either run in exactly one move."""

    state: str
    earlier: Run
    later: Run
    moves: tuple[Move, ...]

    @property
    def customers(self) -> int:
        return sum(m.customers for m in self.moves)

    def befores(self) -> list[str]:
        return list(dict.fromkeys(m.before for m in self.moves))

    def afters(self) -> list[str]:
        return sorted(dict.fromkeys(m.after for m in self.moves), key=lambda s: _place(self.state, s))


def labels(state: str) -> dict[str, tuple[str, str]]:
    """The words of each value, English and Chinese."""
    return {**STATES[state][2], **OTHERS}


def transitions(
    lake: Lake, state: str, since: str | date | None = None, until: str | date | None = None, scope: Scope = EVERYTHING
) -> Transitions:
    """Counts of the customers whom ``scope`` shows from the run ``since`` to the run ``until``: ids, or days, which mean the last run that looks from then or earlier.

    ``until`` is the published run by default, ``since`` the last run that looks from an earlier day than it. ``state`` is tier, lifecycle or
    rfm. An unknown run or state, a run without such scores, or two runs in the wrong order are errors.
    """
    name = ALIASES.get(state, state)
    if name not in STATES:
        raise unknown("state", state, STATES)
    later = _run(lake, until) if until is not None else runs.published_or_none(lake)
    if later is None:
        raise KeepwellError("Nothing has been computed yet.", "Run `keepwell refresh`.")
    earlier = _run(lake, since) if since is not None else _before(lake, later)
    if earlier.run_id == later.run_id:
        raise WrongUseError(f"{later.run_id} is both ends.", "Give two runs: see `keepwell runs`.")
    if (earlier.as_of, earlier.started_at) > (later.as_of, later.started_at):
        raise WrongUseError(
            f"{earlier.run_id} looks from {earlier.as_of}, {later.run_id} from {later.as_of}.", "Give the earlier run first."
        )
    return Transitions(name, earlier, later, tuple(_moves(lake, name, earlier, later, scope)))


def _run(lake: Lake, given: str | date) -> Run:
    if isinstance(given, str) and not DAY.fullmatch(given):
        return runs.run(lake, given)
    day = given if isinstance(given, date) else _day(given)
    listed = _by_day(lake)
    found = [r for r in listed if r.as_of <= day]
    if not found:
        first = f"The first one looks from {listed[0].as_of}." if listed else "Run `keepwell refresh`."
        raise WrongUseError(f"No run looks from {day} or earlier.", first)
    return found[-1]


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise WrongUseError(f"There is no day {given}.", "Write it as 2026-10-31, or give a run.") from None


def _by_day(lake: Lake) -> list[Run]:
    return sorted(runs.all_runs(lake), key=lambda r: (r.as_of, r.started_at))


def _before(lake: Lake, later: Run) -> Run:
    found = [r for r in _by_day(lake) if r.as_of < later.as_of and "customer_scores" in r.results]
    if not found:
        raise KeepwellError(
            f"No run with scores looks from a day before {later.as_of}.", "Moves need two runs: refresh again later, or give both."
        )
    return found[-1]


def _moves(lake: Lake, state: str, earlier: Run, later: Run, scope: Scope) -> list[Move]:
    column, model, _ = STATES[state]
    with lake.engine(lake.folder / ".spill") as engine:
        steps = Steps()
        for side, run in (("before", earlier), ("after", later)):
            if "customer_scores" not in run.results:
                raise KeepwellError(f"{run.run_id} holds no scores: there was nobody to score, or it is older than they are.")
            written = lake.snapshot({"customer_scores": run.results["customer_scores"]})
            seen_tables(written, written, lake, scope).register(engine, "customer_scores", f"scores_{side}")
            steps = steps.then(
                side,
                f"select customer_id, {quoted(column)} as state from scores_{side} where run_id = {literal(run.run_id)}",
            )
        query = (
            f"select case when b.customer_id is null then {literal(CAME)} else coalesce(b.state, {literal(NONE)}) end as before,\n"
            f"  case when a.customer_id is null then {literal(GONE)} else coalesce(a.state, {literal(NONE)}) end as after, count(*) as customers\n"
            "from before as b full join after as a on a.customer_id = b.customer_id group by 1, 2"
        )
        rows = engine.arrow(steps.then("moves", query)).to_pylist()
    if scope.is_whole:
        _check_held(rows, model, column, earlier, later)
    totals: dict[str, int] = {}
    for r in rows:
        totals[r["before"]] = totals.get(r["before"], 0) + r["customers"]
    rows.sort(key=lambda r: (_place(state, r["before"]), _place(state, r["after"])))
    return [Move(r["before"], r["after"], r["customers"], r["customers"] / totals[r["before"]]) for r in rows]


def _check_held(rows: Sequence[dict[str, object]], model: str, column: str, earlier: Run, later: Run) -> None:
    for side, run in (("before", earlier), ("after", later)):
        if {r[side] for r in rows} <= {CAME, GONE, NONE}:
            raise KeepwellError(f"{run.run_id} holds no {column}.", f"`keepwell model {model} --run {run.run_id}` says why.")


def _place(state: str, value: str) -> tuple[int, str]:
    """Declared values in their order, others by name, then those without one, who came, who went."""
    known = list(STATES[state][2])
    if value in known:
        return known.index(value), ""
    return (len(known), value) if value not in OTHERS else (len(known) + 1 + (NONE, CAME, GONE).index(value), "")
