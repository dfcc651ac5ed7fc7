"""The shape of a KPI file as JSON Schema, for editors that complete and check YAML."""

from typing import Any

from keepwell.metrics.fact import STOCK_TIME, facts
from keepwell.metrics.kpi import LANGUAGES, Additivity, Better, Kind, Unit, WhenEmpty
from keepwell.metrics.kpi_file import COMMON, MAY, NEEDS, OPTIONAL

WORDS: dict[str, Any] = {
    "type": "object",
    "properties": {language: {"type": "string", "minLength": 1} for language in LANGUAGES},
    "required": list(LANGUAGES),
    "additionalProperties": False,
}
SQL: dict[str, Any] = {"type": "string", "minLength": 1}
WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0}


def kpi_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a file in a workspace's ``kpis/``: one entry or a list of them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keepwell KPI file",
        "oneOf": [{"$ref": "#/$defs/kpi"}, {"type": "array", "items": {"$ref": "#/$defs/kpi"}}],
        "$defs": {"kpi": {"type": "object", "oneOf": [_of_kind(kind) for kind in Kind]}},
    }


def _of_kind(kind: Kind) -> dict[str, Any]:
    known = _fields()
    names = (*COMMON, *NEEDS[kind], *OPTIONAL, *MAY[kind])
    properties = {name: known[name] for name in dict.fromkeys(names)} | {"kind": {"const": str(kind)}}
    if kind is Kind.DURATION:
        properties["clock"] = {"enum": ["calendar", "business"]}
    return {"title": str(kind), "properties": properties, "required": [*COMMON, *NEEDS[kind]], "additionalProperties": False}


def _fields() -> dict[str, dict[str, Any]]:
    times = sorted({t for f in facts().values() for t in f.times} | {STOCK_TIME})
    return {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "title": WORDS,
        "meaning": WORDS,
        "formula": WORDS,
        "pitfalls": WORDS,
        "kind": {"enum": [str(k) for k in Kind]},
        "unit": {"enum": [str(u) for u in Unit]},
        "better": {"enum": [str(b) for b in Better]},
        "additivity": {"enum": [str(a) for a in Additivity]},
        "when_empty": {"enum": [str(w) for w in WhenEmpty]},
        "version": {"type": "integer", "minimum": 1},
        "fact": {"enum": sorted(facts())},
        "time": {"enum": times},
        "where": SQL,
        "counts": SQL,
        "expression": SQL,
        "numerator": SQL,
        "denominator": SQL,
        "is_over": SQL,
        "starts": SQL,
        "ends": SQL,
        "n": SQL,
        "measure": {"enum": ["nps", "satisfied", "detractors", "mean"]},
        "clock": {"enum": ["previous_period", "cohort"]},
        "returned": {"enum": ["in", "since"]},
        "returned_on": SQL,
        "age": WHOLE,
        "quantile": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "model": SQL,
        "bounds": {"type": "array", "items": {"type": "string", "pattern": r"^[a-z_]+\.[a-z][a-z0-9_]*$"}},
        "window": {"type": "string", "pattern": "^[1-9][0-9]* (months?|days?)$"},
        "top": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "is_subset": {"type": "boolean"},
        "min_n": WHOLE,
        "material": {"type": "number", "minimum": 0},
        "cap": {"type": "number", "exclusiveMinimum": 0},
        "settles_after_days": {"anyOf": [WHOLE, {"type": "string", "pattern": r"^\{\w+\}$"}]},
        "never_settles": {"type": "boolean"},
        "parameters": {"type": "object", "additionalProperties": {"type": "integer"}},
        "per_customer": {"type": "object", "additionalProperties": SQL},
        "dimensions": {"type": "array", "items": {"type": "string"}},
        "benchmark": {
            "type": "object",
            "properties": {"value": {"type": "number"}, "source": {"type": "string"}},
            "required": ["value", "source"],
            "additionalProperties": False,
        },
        "owner": {"type": "string"},
        "example": {
            "type": "object",
            "properties": {
                "rows": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "object"}}},
                "period": {"type": "string"},
                "value": {"type": ["number", "null"]},
                "n": WHOLE,
                "as_of": {"type": "string", "format": "date"},
                "by": {"type": "string"},
                "member": {"type": ["string", "integer"]},
            },
            "required": ["rows", "period", "value", "n"],
            "additionalProperties": False,
        },
    }
