"""Predictions: what each model says, and whether to believe it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepwell.access.roles import Capability
from keepwell.models.stored import ModelCard
from keepwell.surfaces.judged import baseline_title, measure_title
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.health_panel import known_or_none
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
PAGE = Page("predictions", "/predictions", Capability.SEE_MODELS, ROUTES, group=1)

# models that foretell, before those that describe
FORETELL = ("churn", "clv", "contracts", "next_product", "basket")
# where a model's list of customers is
LISTS = {
    "churn": "/customers?sort=churn_probability",
    "clv": "/customers?sort=clv",
    "contracts": "/customers?sort=contract_value",
    "rfm": "/segments",
    "tiers": "/segments",
    "lifecycle": "/segments",
    "clusters": "/segments",
}
CHOSEN = "chosen."


@dataclass(frozen=True)
class PredictionsPage:
    """All models, each with its verdict."""

    title: str
    as_of: str
    groups: tuple[tuple[str, tuple[ModelCard, ...]], ...]
    has_health: bool
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page("/predictions", Capability.SEE_MODELS, "predictions.html")
def predictions(visit: Visit) -> PredictionsPage:
    cards = _cards(visit)
    foretelling = tuple(sorted((c for c in cards if c.name in FORETELL), key=lambda c: FORETELL.index(c.name)))
    others = tuple(c for c in cards if c.name not in FORETELL)
    groups = ((visit.say("predictions.foretell"), foretelling), (visit.say("predictions.describe"), others))
    columns = tuple(Column(n, visit.say(f"predictions.{n}")) for n in ("model", "verdict", "refused"))
    sheet = Sheet("models", columns, [[c.name, c.verdict, c.refused] for c in cards])
    return PredictionsPage(
        visit.say("predictions.title"),
        str(cards[0].as_of) if cards else "",
        tuple(g for g in groups if g[1]),
        known_or_none(visit) is not None,
        (sheet,),
    )


def _cards(visit: Visit) -> list[ModelCard]:
    run = visit.run_or_none
    if run is None or "model_reports" not in run.results:
        return []
    return visit.kept(("models", run.run_id, visit.locale), lambda: visit.workspace.models(run.run_id))


@dataclass(frozen=True)
class Measured:
    """One measure of a back-test beside its baseline."""

    title: str
    value: str
    interval: str
    baseline: str
    n: str
    beats: bool | None
    note: str
    exact: Mapping[str, Any]


@dataclass(frozen=True)
class ModelPage:
    """One model: verdict, back-test, calibration and lift, what it found."""

    title: str
    card: ModelCard
    measures: tuple[Measured, ...]
    splits: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    found: Sheet | None
    parameters: Sheet | None
    list_href: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/predictions/{name}", Capability.SEE_MODELS, "model.html")
def model(visit: Visit) -> ModelPage:
    name, run = visit.request.path_params["name"], visit.run_or_none
    if run is None or name not in {c.name for c in _cards(visit)}:
        raise NotFoundError(visit.say("predictions.unknown", name=name))
    card = visit.kept(("model", run.run_id, name, visit.locale), lambda: visit.workspace.model(name, run.run_id))
    charts = tuple(_calibration(visit, card.rows)) if card.rows and "predicted" in card.rows[0] else ()
    found = None if charts or not card.rows else _table(visit, "found", card.rows)
    parameters = (
        _table(visit, "parameters", [p for p in card.parameters if not p["parameter"].startswith(CHOSEN)]) if card.parameters else None
    )
    splits = dict.fromkeys((str(m["trained_until"]), str(m["tested_until"])) for m in card.measures if m["trained_until"])
    href = LISTS.get(name)
    return ModelPage(
        card.title, card, tuple(_measured(visit, m) for m in card.measures), tuple(splits), charts, found, parameters,
        href if href and visit.has_page(href.strip("/").partition("?")[0]) else None, (*(c.sheet for c in charts), *(s for s in (found, parameters) if s)),
    )  # fmt: skip


def _measured(visit: Visit, m: Mapping[str, Any]) -> Measured:
    interval = f"{number(m['ci_low'])} – {number(m['ci_high'])}" if m["ci_low"] is not None else ""
    baseline = f"{number(m['baseline_value'])} ({baseline_title(m['baseline'], visit.say)})" if m["baseline"] else ""
    return Measured(
        measure_title(m["measure"], visit.say),
        number(m["value"]),
        interval,
        baseline,
        f"{m['n']:,}" if m["n"] is not None else "",
        m["beats_baseline"],
        m["note"] or "",
        m,
    )


def number(value: Any) -> str:
    """A number with four figures that tell."""
    if value is None:
        return "—"
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4g}"


def _calibration(visit: Visit, rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """What was expected beside what came, and how much more often it came among the first ones."""
    places = [str(r["bin"]) for r in rows]
    percent = [[f"{float(r[n]):.1%}" for r in rows] for n in ("predicted", "observed")]
    drawn = {
        "places": places, "x": visit.say("predictions.tenth"), "share": True,
        "groups": [
            {"name": visit.say("predictions.expected"), "values": [float(r["predicted"]) for r in rows], "words": percent[0], "colour": 1},
            {"name": visit.say("predictions.came"), "values": [float(r["observed"]) for r in rows], "words": percent[1], "colour": 0},
        ],
    }  # fmt: skip
    heads = (
        Column("bin", visit.say("predictions.tenth"), is_number=True),
        Column("n", visit.say("n"), is_number=True),
        Column("predicted", visit.say("predictions.expected"), is_number=True),
        Column("observed", visit.say("predictions.came"), is_number=True),
        Column("cumulative_lift", visit.say("predictions.lift"), is_number=True),
    )
    table = [[r["bin"], r["n"], r["predicted"], r["observed"], r["cumulative_lift"]] for r in rows]
    figures = [[str(r["bin"]), f"{r['n']:,}", p, o, f"{r['cumulative_lift']:.2f}"] for r, p, o in zip(rows, *percent, strict=True)]
    lift = {
        "places": places, "x": visit.say("predictions.up_to_tenth"),
        "groups": [
            {"name": visit.say("predictions.lift"), "values": [float(r["cumulative_lift"]) for r in rows], "words": [f"× {r['cumulative_lift']:.2f}" for r in rows]},
            {"name": visit.say("predictions.by_chance"), "values": [1.0] * len(rows), "words": ["× 1"] * len(rows), "line": True, "dashed": True, "colour": 7},
        ],
    }  # fmt: skip
    return [
        Chart("calibration", visit.say("predictions.calibration"), "columns", drawn, Sheet("calibration", heads, table), figures=figures),
        Chart("lift", visit.say("predictions.lift_title"), "columns", lift, Sheet("lift", heads, table), figures=figures),
    ]


def _table(visit: Visit, name: str, rows: Sequence[Mapping[str, Any]]) -> Sheet:
    names = [n for n in rows[0] if n != "shares"]
    return Sheet(
        name,
        tuple(Column(n, visit.word_or(f"row_{n}", visit.word_or(n, n)), isinstance(rows[0][n], int | float)) for n in names),
        [[r[n] for n in names] for r in rows],
    )
