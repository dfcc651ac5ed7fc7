"""Fair comparison on the command line: the same results as the KPI's, masked where too few, and what can't be compared is said."""

import pytest

from factories.served import Company
from keepwell.core.errors import KeepwellError

ASKED = ("appraise", "contact_coverage", "--by", "owner_id", "--mix", "region", "--period", "2026")


def test_what_is_compared_are_the_kpis_readings(company: Company) -> None:
    rows = {r["member"]: r for r in company.surfaces.ask(*ASKED, "--least", "5")}
    readings = {r["member"]: r for r in company.surfaces.ask("kpi", "contact_coverage", "--period", "2026", "--by", "owner_id")}
    assert set(rows) == {m for m in readings if m != "(none)"}
    assert len(rows) > 2
    for member, row in rows.items():
        assert (row["n"], row["is_masked"]) == (readings[member]["n"], False)
        assert row["observed"] == pytest.approx(readings[member]["value"])
        assert row["difference"] == pytest.approx(row["observed"] - row["expected"])
        assert row["low"] <= row["fair"] <= row["high"]
        assert 0 <= row["weight"] <= 1
        assert row["rank"] >= 1


def test_figures_of_who_has_too_few_results_are_nobodys(company: Company) -> None:
    rows = company.surfaces.ask(*ASKED, "--least", "1000")
    assert rows
    for row in rows:
        assert row["is_masked"]
        assert {v for k, v in row.items() if k not in {"member", "is_masked"}} == {None}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("revenue", "--by", "region", "--mix", "kind"), "no share of rows"),
        (("identified_revenue_share", "--by", "channel", "--mix", "country", "--period", "2026"), "no share of rows"),
        (("contact_coverage", "--by", "owner", "--mix", "region"), "no dimension 'owner'"),
        (("contact_coverage", "--by", "region", "--mix", "region"), "its own mix"),
        (("contact_coverage", "--by", "owner_id", "--mix", "region", "--period", "2025-01..2025-03"), "several periods|fewer than two"),
        (("contact_coverage", "--by", "owner_id", "--mix", "region", "--period", "1990"), "fewer than two"),
    ],
)
def test_what_can_not_be_compared_is_said(company: Company, asked: tuple[str, ...], message: str) -> None:
    with pytest.raises(KeepwellError, match=message):
        company.surfaces.ask("appraise", *asked)
