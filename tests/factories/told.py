"""What the command line and the API answer to one question: one answer, or an error."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.testclient import TestClient

from factories.served import Company

API = "/api/v1"
A_BILLIONTH = 1e-9


@dataclass(frozen=True, eq=False)
class Told:
    """The answers for one person. The command line knows no persons: where a person sees a part of the customers, only the API is asked."""

    company: Company
    program: TestClient
    sees_all: bool
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def get(self, address: str, *, _in: str = "", **asked: Any) -> Any:
        """What the API answers, once for each question; a list that comes in pages as a whole. ``_in`` is the language where it matters."""
        key = (address, _in, repr(sorted(asked.items())))
        if key not in self._known:
            self._known[key] = self._got(address, asked)
        return self._known[key]

    def _got(self, address: str, asked: Mapping[str, Any]) -> Any:
        found: list[Any] = []
        cursor: str | None = None
        while True:
            answer = self.program.get(f"{API}/{address}", params={**asked, **({"cursor": cursor} if cursor else {})})
            assert answer.status_code == 200, (address, asked, answer.text)
            body = answer.json()
            if not isinstance(body, dict) or "data" not in body:
                return body
            found += body["data"]
            cursor = body.get("next_cursor")
            if cursor is None:
                return found

    def ask(self, *command: str) -> Any:
        """What the command line answers, once for each question."""
        if command not in self._known:
            self._known[command] = self.company.surfaces.ask(*command)
        return self._known[command]

    @functools.cached_property
    def kpis(self) -> dict[str, dict[str, Any]]:
        """The catalogue."""
        found = {k["name"]: k for k in self.get("kpis")}
        assert found == {k["name"]: k for k in self.ask("kpis")}
        return found

    @functools.cache  # noqa: B019 - one object a test
    def _readings(
        self, names: tuple[str, ...], period: str, grain: str | None, by: str | None, where: str | None
    ) -> tuple[dict[str, Any], ...]:
        asked = {"period": period, "grain": grain, "by": by, "where": where}
        given = {n: v for n, v in asked.items() if v is not None}
        found = self.get("readings", kpi=list(names), **given)
        if self.sees_all:
            same(
                found,
                self.ask("kpi", *names, *(word for n, v in given.items() for word in (f"--{n}", v)), "--run", found[0]["run_id"])
                if found
                else [],
            )
        return tuple(found)

    def readings(self, *names: str, period: str, grain: str | None = None, by: str | None = None, where: str | None = None) -> dict[tuple[str, str, str | None], dict[str, Any]]:  # fmt: skip
        """KPI, period and member -> the reading."""
        found = self._readings(names, period, grain, by, where)
        return {(r["kpi"], r["period"], r["member"]): r for r in found}

    def reading(self, name: str, period: str, by: str | None = None, member: str | None = None) -> dict[str, Any]:
        """One reading. Of the whole, all KPIs of a period are asked for at once."""
        if by is not None:
            return self.readings(name, period=period, by=by)[name, period, member]
        return self.readings(*self.kpis, period=period)[name, period, None]


def same(one: Any, other: Any, at: str = "") -> None:
    """Fails where two answers differ, numbers to a billionth; says where."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        assert set(one) == set(other), (at, set(one) ^ set(other))
        for name in one:
            same(one[name], other[name], f"{at}.{name}")
    elif isinstance(one, Sequence) and isinstance(other, Sequence) and not isinstance(one, str) and not isinstance(other, str):
        assert len(one) == len(other), (at, len(one), len(other))
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{at}[{i}]")
    else:
        assert alike(one, other), (at, one, other)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are one: as numbers where both are, nothing and an empty text alike."""
    if any(v is None or v == "" for v in (one, other)):
        return all(v is None or v == "" for v in (one, other))
    try:
        return math.isclose(float(one), float(other), rel_tol=A_BILLIONTH, abs_tol=A_BILLIONTH)
    except (TypeError, ValueError):
        return str(one).replace("T", " ") == str(other).replace("T", " ")
