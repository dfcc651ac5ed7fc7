"""What runs wrote of customers and models, read back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.core.errors import KeepwellError, unknown
from keepwell.core.settings import Locale
from keepwell.engine.sql import Steps, literal, names, quoted
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.lake.runs import Run
from keepwell.models.comments.cards import driver_rows, topic_rows
from keepwell.models.comments.stored import quoted_sentences
from keepwell.models.estimator import REGISTRY, Previous, estimator
from keepwell.models.estimators import lifecycle, rfm
from keepwell.models.products import names_today, shown
from keepwell.models.results import REFUSED, STATES, VERDICT, previous_of

Labels = Mapping[str, tuple[str, str]]
HIDDEN = {"run_id", "model", "source", "batch_id", "updated_at"}
WINDOW = {"data_from", "data_until"}  # told once for all measures
MOST_RULES = 10  # that a card shows, the closest first


@dataclass(frozen=True)
class ModelCard:
    """What a run's estimator found and how well it holds; ``refused`` says why it did not estimate."""

    name: str
    title: str
    meaning: str
    run_id: str
    as_of: date
    verdict: str | None
    refused: str | None
    measures: tuple[dict[str, Any], ...]
    parameters: tuple[dict[str, Any], ...]
    data_from: date | None = None  # of what it looked at; unknown of runs before this was kept
    data_until: date | None = None
    rows: tuple[dict[str, Any], ...] = ()  # of a single card: what it found, where that is a list

    def to_json(self) -> dict[str, Any]:
        shown = dict(self.__dict__)
        return shown | {
            "as_of": self.as_of.isoformat(),
            **{n: day.isoformat() if day else None for n, day in (("data_from", self.data_from), ("data_until", self.data_until))},
            "measures": list(self.measures),
            "parameters": list(self.parameters),
            "rows": list(self.rows),
        }


def run_with_scores(lake: Lake, run_id: str | None = None) -> Run:
    """The published run, or that one; an error tells what to do where it knows nothing of models."""
    found = runs.run(lake, run_id) if run_id else runs.published_or_none(lake)
    if found is None:
        raise KeepwellError("Nothing has been computed yet.", "Run `keepwell refresh`.")
    if "model_reports" not in found.results:
        raise KeepwellError(
            f"{found.run_id} knows nothing of models: there were neither orders nor answers, or it is older than they are.",
            "Run `keepwell refresh`.",
        )
    return found


def rows_of_run(lake: Lake, run: Run, name: str, columns: str = "*", rest: str = "") -> pa.Table:
    """The rows that a run wrote into a derived table; ``rest`` is SQL that follows the condition on the run."""
    snapshot = lake.snapshot({name: run.results[name]} if name in run.results else {})
    with lake.engine(lake.folder / ".spill") as engine:
        snapshot.register(engine, name)
        query = f"select {columns} from {quoted(name)} where run_id = {literal(run.run_id)} {rest}"
        return engine.arrow(Steps().then("stored", query))


def known_before(lake: Lake, day: date) -> Previous | None:
    """What the newest run that looked from the same or an earlier day knew of customers; one that looks back changes no later one."""
    earlier = [r for r in runs.all_runs(lake) if r.as_of <= day and "customer_scores" in r.results]
    if not earlier:
        return None
    before = max(earlier, key=lambda r: (r.as_of, r.started_at))
    states = names(["customer_id", *(n for s in STATES for n in (s, f"{s}_previous", f"{s}_since"))])
    scores = rows_of_run(lake, before, "customer_scores", states, "order by customer_id").combine_chunks()
    parameters: list[dict[str, Any]] = rows_of_run(lake, before, "model_parameters", "model, parameter, value").to_pylist()
    return previous_of(before.run_id, before.as_of, parameters, scores)


def model_cards(lake: Lake, locale: Locale, run_id: str | None = None) -> list[ModelCard]:
    """Every estimator of a run, in their order."""
    run = run_with_scores(lake, run_id)
    reports = rows_of_run(lake, run, "model_reports").to_pylist()
    parameters = rows_of_run(lake, run, "model_parameters").to_pylist()
    known = [n for n in REGISTRY if any(r["model"] == n for r in reports)]
    return [_card(name, run, locale, reports, parameters) for name in known]


def model_card(
    lake: Lake, locale: Locale, name: str, run_id: str | None = None, own: Labels | None = None, scope: Scope = EVERYTHING
) -> ModelCard:
    """That estimator of a run with its rows; an unknown name answers with the nearest one. ``own`` are words of the workspace's groups.

    What it says of all customers is shown to everybody; words of a customer only to those whom ``scope`` shows them.
    """
    found = {c.name: c for c in model_cards(lake, locale, run_id)}
    if name not in found:
        raise unknown("model", name, found)
    card = found[name]
    if card.refused:
        return card
    numbers = {p["parameter"]: p["value"] for p in card.parameters if p["value"] is not None}
    if name in RULES:
        return replace(card, rows=tuple(RULES[name](numbers, own or {}, locale)))
    return replace(card, rows=tuple(_rows(lake, run_with_scores(lake, run_id), name, locale, scope)))


def _groups(numbers: Mapping[str, float], own: Labels, locale: Locale) -> list[dict[str, Any]]:
    place = 1 if locale is Locale.CHINESE else 0
    labels = {**rfm.LABELS, **own}
    return [{"group": r["group"], "label": labels.get(r["group"], (r["group"],) * 2)[place], **r} for r in rfm.map_of(numbers)]


def _stages(numbers: Mapping[str, float], _own: Labels, locale: Locale) -> list[dict[str, Any]]:
    place = 1 if locale is Locale.CHINESE else 0
    told = lifecycle.rules(int(numbers["inactive_days"]))
    return [{"stage": stage, "label": lifecycle.LABELS[stage][place], "rule": words[place]} for stage, words in told.items()]


# models whose rows are the rules that the run used, as its parameters tell them
RULES = {"rfm": _groups, "lifecycle": _stages}


def _rows(lake: Lake, run: Run, name: str, locale: Locale, scope: Scope) -> list[dict[str, Any]]:
    """What a model found as a list: the closest products, with their names; the personas of clusters in the language."""
    if name == "basket":
        rules = rows_of_run(
            lake, run, "basket_rules", "*", f"order by lift desc, orders desc, product_id, with_product_id limit {MOST_RULES}"
        )
        rows = rules.to_pylist()
        names = names_today(lake, (r[c] for r in rows for c in ("product_id", "with_product_id")))
        told = ("orders", "confidence", "lift")
        return [{c: shown(r[c], names) for c in ("product_id", "with_product_id")} | {c: r[c] for c in told} for r in rows]
    if name == "clusters":
        rows = rows_of_run(lake, run, "personas", "*", "order by customers desc, cluster").to_pylist()
        return [{"cluster": r["cluster"], "name": r[f"name_{locale}"], "description": r[f"description_{locale}"]} for r in rows]
    if name == "churn" and "calibration_points" in run.results:
        points = rows_of_run(lake, run, "calibration_points", "*", "order by bin").to_pylist()
        return [{c: p[c] for c in ("bin", "n", "predicted", "observed", "cumulative_lift")} for p in points]
    if name == "cohorts":
        return _triangle(lake, run)
    if name in {"topics", "drivers"} and name in run.results:
        return _voices(lake, run, name, locale, scope)
    return []


def _triangle(lake: Lake, run: Run) -> list[dict[str, Any]]:
    """Monthly cohorts of all customers, each with its shares by age (classic); a month that is not over is empty."""
    cells = rows_of_run(
        lake,
        run,
        "cohort_values",
        "cohort, cohort_size, value",
        "and kpi = 'cohort_retention_classic' and dimension = '' order by cohort, age_months",
    ).to_pylist()
    found: dict[date, dict[str, Any]] = {}
    for c in cells:
        row = found.setdefault(c["cohort"], {"cohort": f"{c['cohort']:%Y-%m}", "customers": c["cohort_size"], "shares": []})
        row["shares"].append(None if c["value"] is None else float(c["value"]))
    return list(found.values())


def _voices(lake: Lake, run: Run, name: str, locale: Locale, scope: Scope) -> list[dict[str, Any]]:
    """Topics with their quotes as the words are now, and drivers."""
    rows = [{k: v for k, v in r.items() if k not in HIDDEN} for r in rows_of_run(lake, run, name).to_pylist()]
    if name == "drivers":
        return driver_rows(rows, locale)
    places = []
    if "topic_quotes" in run.results:
        places = rows_of_run(lake, run, "topic_quotes", rest="order by metric, language, topic, place").to_pylist()
    return topic_rows(rows, places, quoted_sentences(lake, places, scope), locale)


def _card(name: str, run: Run, locale: Locale, reports: list[dict[str, Any]], parameters: list[dict[str, Any]]) -> ModelCard:
    place = 1 if locale is Locale.CHINESE else 0
    told = estimator(name)
    mine = [r for r in reports if r["model"] == name]
    notes = {r["measure"]: r["note"] for r in mine}
    window = next((r for r in mine if r.get("data_until")), {})
    return ModelCard(
        name=name,
        title=told.title[place],
        meaning=told.meaning[place],
        run_id=run.run_id,
        as_of=run.as_of,
        verdict=notes.get(VERDICT),
        refused=notes.get(REFUSED),
        data_from=window.get("data_from"),
        data_until=window.get("data_until"),
        measures=tuple({k: v for k, v in r.items() if k not in HIDDEN | WINDOW} for r in mine if r["measure"] not in {VERDICT, REFUSED}),
        parameters=tuple({k: p[k] for k in ("parameter", "value", "standard_error")} for p in parameters if p["model"] == name),
    )
