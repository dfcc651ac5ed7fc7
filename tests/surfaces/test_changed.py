"""What moved: told where it is more than chance, allowing for how much was looked at, and never where periods had unequal time."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from factories.surfaces import Surfaces
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.reading import Reading, Status
from keepwell.surfaces.changed import movements

KNOWN = built_in()


def reading(kpi: str, change: float, *, half: float = 1.0, dimension: str | None = None, member: str | None = None) -> Reading:
    """A reading that moved by ``change``, with a 95 % interval of that width to either side."""
    return Reading(
        kpi=kpi, grain="month", period="2026-10", period_start=date(2026, 10, 1), period_end=date(2026, 10, 31), dimension=dimension, member=member,
        value=Decimal(100), ci_low=None, ci_high=None, n=50, missing=0, numerator=None, denominator=None, status=Status.OK, is_open=False, coverage=None,
        fresh_until=None, change_previous=Decimal(str(change)), change_previous_ci_low=change - half, change_previous_ci_high=change + half,
        change_previous_is_real=abs(change) > half, change_last_year=None, change_last_year_ci_low=None, change_last_year_ci_high=None,
        change_last_year_is_real=None, definition_hash="", reason=None,
    )  # fmt: skip


def members(*changes: float) -> list[Reading]:
    return [reading("revenue", c, dimension="region", member=f"m{i}") for i, c in enumerate(changes)]


def test_among_many_parts_only_those_that_stand_out_are_told() -> None:
    still = [reading("revenue", 0.1)]
    # one in twenty lies outside its interval by chance: alone it counts (z = 2.06, p = 0.04), among twenty it does not (0.04 > 0.05 / 20)
    assert [m.reading.member for m in movements(KNOWN, still, members(1.05)).found] == ["m0"]
    crowd = [0.0] * 19
    found = movements(KNOWN, still, members(1.05, *crowd))
    assert (found.found, found.parts, found.real) == ((), 20, 0)
    # z = 3.14, p = 0.0017 < 0.0025 is told
    assert [m.reading.member for m in movements(KNOWN, still, members(1.6, *crowd)).found] == ["m0"]
    # of five with p = 0.0164 none is below 0.05 / 20, but the fifth is above 5 · 0.05 / 20 = 0.0125 too; of seven the seventh is below 0.0175: all are told
    assert movements(KNOWN, still, members(*[1.2245] * 5, *[0.0] * 15)).found == ()
    assert len(movements(KNOWN, still, members(*[1.2245] * 7, *[0.0] * 13)).found) == 1


def test_parts_of_what_moved_as_a_whole_are_not_looked_at() -> None:
    found = movements(
        KNOWN, [reading("revenue", 2), reading("orders", 0.2)], [*members(3), reading("orders", 4, dimension="region", member="m")]
    )
    assert [(m.kpi.name, m.reading.member) for m in found.found] == [("revenue", None), ("orders", "m")] or found.found[
        0
    ].kpi.name == "orders"
    assert (found.real, found.compared, found.parts) == (1, 2, 1)


def test_what_keeps_rising_after_its_period_moved_for_no_real(tmp_path: Path) -> None:
    shop = Surfaces.made(tmp_path)
    # all leads of August had converted by October, few of September's: the same leads, two weeks younger
    shop.bring(
        "leads",
        [
            {"lead_id": f"{m}-{i}", "created_at": f"2026-{m}-{i % 28 + 1:02d} 10:00:00", "converted_at": "2026-10-01 10:00:00" if m == "08" or i < 10 else None}
            for m in ("08", "09") for i in range(100)
        ],
    )  # fmt: skip
    ever = shop.reading("lead_conversion_rate_ever", period="2026-09")
    assert (float(ever["value"]), float(ever["change_previous"])) == (0.1, -0.9)
    assert (ever["change_previous_is_real"], ever["change_previous_ci_low"]) == (None, None)
    assert {n for n, k in KNOWN.items() if k.never_settles} == {
        "lead_conversion_rate_ever",
        "stage_conversion",
        "cohort_retention_unbounded",
    }
