"""Appraisals in plain values, as the command line, the API and downloads tell them."""

from collections.abc import Mapping, Sequence
from typing import Any

from keepwell.performance.appraisals.appraisal import Appraisal, Step, StepKind
from keepwell.performance.appraisals.asked import Asked
from keepwell.performance.appraisals.development import Entry
from keepwell.performance.appraisals.frozen import plan_json
from keepwell.performance.appraisals.plan import Kind
from keepwell.performance.appraisals.told import result_of, rows_of
from keepwell.surfaces.appraisal_sight import Listed, Relation, Shown, ShownRound, Simulated, told_state
from keepwell.surfaces.rounds import Rounds

RESULT = ("total", "low", "high", "grade", "known", "rank", "among")


def round_json(found: Listed) -> dict[str, Any]:
    """A round in plain values, without its appraisals."""
    r = found.round
    return {
        "round_id": r.round_id,
        "plan": r.plan.name,
        "version": r.plan.version,
        "of": str(r.plan.of),
        "period": r.period.label,
        "run_id": r.run_id,
        "opened_at": r.opened_at.isoformat(),
        "withdrawn_at": r.withdrawn_at.isoformat() if r.withdrawn_at else None,
        "withdrawn_because": r.withdrawn_because,
        "subjects": found.subjects,
        "seen": len(found.states),
        "states": _counts(found.states),
    }


def whole_round_json(found: ShownRound) -> dict[str, Any]:
    """A round with its definition, a row for each appraisal that is seen, and how the published totals are spread."""
    return round_json(found.listed) | {
        "definition": plan_json(found.round.plan),
        "appraisals": [row_of(s) for s in found.shown],
        "distribution": list(found.bands) if found.bands is not None else None,
        "compared": dict(found.round.compared),
    }


def result_json(shown: Shown) -> dict[str, Any]:
    """What it came to: as it was published, or comes to as it stands. Before it is published the person sees readings only."""
    found = shown.appraisal
    if found.is_told and found.result_or_none is not None:
        return dict(found.result_or_none)
    if shown.scored is not None:
        return result_of(found, shown.scored, shown.rank, shown.among)
    return dict.fromkeys(RESULT) | {"among": shown.among, "rows": _own_rows(shown)}


def row_of(shown: Shown) -> dict[str, Any]:
    """An appraisal in one row."""
    found, result = shown.appraisal, result_json(shown)
    return {
        "appraisal_id": found.appraisal_id,
        "subject": found.subject,
        "name": found.name,
        "team": found.team,
        "state": told_state(shown.appraisal, shown.relation),
        **{n: result[n] for n in RESULT},
    }


def appraisal_json(shown: Shown, desk: Rounds) -> dict[str, Any]:
    """An appraisal with its items, its trail, who is asked, notes and trainings, and the spread of its round."""
    found = shown.appraisal
    return row_of(shown) | {
        "round_id": found.round.round_id,
        "plan": found.round.plan.name,
        "period": found.round.period.label,
        "run_id": found.round.run_id,
        "relation": str(shown.relation),
        "items": result_json(shown)["rows"],
        "trail": trail_json(shown),
        "asked": [_asked_json(a) for a in desk.asked(found.appraisal_id)],
        "entries": [entry_json(e) for e in desk.entries(found.appraisal_id)],
    }


def trail_json(shown: Shown) -> list[dict[str, Any]]:
    """The steps that were taken, oldest first. What others judged is told to the person when it is published, what they said among themselves never."""
    found = shown.appraisal
    is_self = shown.relation is Relation.SELF
    made = []
    for s in found.steps:
        if is_self and (s.kind in {StepKind.APPROVED, StepKind.RETURNED} or (s.kind is StepKind.ASSESSED and not found.is_told)):
            continue
        made.append(_step_json(s))
    return made


def entry_json(entry: Entry) -> dict[str, Any]:
    """A coaching note or a training."""
    return {
        "entry_id": entry.entry_id,
        "period": entry.period,
        "kind": str(entry.kind),
        "text": entry.text,
        "due": entry.due.isoformat() if entry.due else None,
        "made_at": entry.made_at.isoformat(),
        "made_by": entry.made_by_name,
        "done_at": entry.done_at.isoformat() if entry.done_at else None,
        "is_carried": entry.is_carried,
    }


def simulated_json(found: Simulated) -> dict[str, Any]:
    """What would be another one."""
    before, after = found.before, found.after
    return {
        "appraisal_id": found.appraisal.appraisal_id,
        "subject": found.appraisal.subject,
        "name": found.appraisal.name,
        "total": _number(before.total),
        "total_then": _number(after.total),
        "grade": str(before.grade) if before.grade else None,
        "grade_then": str(after.grade) if after.grade else None,
        "rank": found.rank_before,
        "rank_then": found.rank_after,
    }


def export_rows(found: ShownRound) -> list[dict[str, Any]]:
    """A row a person or team, each once: the result and the points of every item."""
    made = []
    for shown in found.shown:
        row = row_of(shown)
        items = {r["item"]: r for r in result_json(shown)["rows"]}
        points = {f"points_{i.name}": items[i.name]["points"] for i in found.round.plan.items}
        head = {"plan": found.round.plan.name, "period": found.round.period.label}
        published = shown.appraisal.last_or_none(StepKind.PUBLISHED)
        tail = {"assessed_by": _by(shown.appraisal), "published_on": published.at.date().isoformat() if published else None}
        made.append(head | {k: v for k, v in row.items() if k != "appraisal_id"} | points | tail)
    return made


def asked_json(found: Sequence[Asked]) -> list[dict[str, Any]]:
    """Who is asked; what was said stands nowhere beside it."""
    return [_asked_json(a) for a in found]


def to_rate_json(found: Appraisal, kind: str) -> dict[str, Any]:
    """What somebody who is asked needs to know: of whom, and which items."""
    items = [i for i in found.round.plan.items_of(Kind.RATER) if kind in {str(k) for k in i.raters}]
    return {
        "appraisal_id": found.appraisal_id,
        "name": found.name,
        "period": found.round.period.label,
        "kind": kind,
        "items": [{"item": i.name, "title": dict(i.title), "most": float(i.most), "guidance": dict(i.guidance)} for i in items],
    }


def _own_rows(shown: Shown) -> list[dict[str, Any]]:
    """The items as the person sees them before anything is published: what readings earn, and the own marks; nothing that others gave."""
    rows = rows_of(shown.appraisal, shown.by_readings)
    given = dict.fromkeys(("mark", "points", "points_low", "points_high", "without", "raters", "objectives"))
    return [row | {"adds": None} | ({} if row["kind"] == Kind.KPI else given) for row in rows]


def _step_json(step: Step) -> dict[str, Any]:
    data = step.data
    result: Mapping[str, Any] = data.get("result") or {}
    return {
        "number": step.number,
        "kind": str(step.kind),
        "at": step.at.isoformat(),
        "by": step.by_name,
        "words": data.get("words"),
        "marks": {i: float(m) for i, m in data["marks"].items()} if data.get("marks") is not None else None,
        "objectives": [{"text": o["text"], "weight": float(o["weight"]), "attained": float(o["attained"])} for o in data["objectives"]]
        if data.get("objectives")
        else None,
        **{n: result.get(n) for n in ("total", "grade", "rank")},
    }


def _asked_json(found: Asked) -> dict[str, Any]:
    return {"rater": found.rater, "kind": str(found.kind), "has_answered": found.has_answered}


def _by(found: Appraisal) -> str | None:
    step = found.last_or_none(StepKind.ASSESSED)
    return step.by_name if step else None


def _counts(states: Sequence[str]) -> dict[str, int]:
    return {s: states.count(s) for s in dict.fromkeys(states)}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
