"""Leads and deals of a Brazilian marketplace: examples/olist_funnel on the files it is about.

8,000 leads, 842 won, and those by origin stand in the data's own README; what came within 90 days is counted here by DuckDB alone.
"""

import pytest

from factories.journey import DATA, Walk, counted, needs, parts, started

FOLDER = DATA / "olist_marketing_funnel"
LEADS, DEALS = FOLDER / "mql_with_header.parquet", FOLDER / "olist_closed_deals_cleaned.csv"
pytestmark = [pytest.mark.slow, needs(LEADS, DEALS)]

# won and leads by origin
ORIGINS = {
    "organic_search": (271, 2_296), "paid_search": (195, 1_586), "social": (75, 1_350), "unknown": (179, 1_099), "direct_traffic": (56, 499),
    "email": (15, 493), "referral": (24, 284), "other": (4, 150), "display": (6, 118), "other_publicities": (3, 65), "(none)": (14, 60),
}  # fmt: skip
BY_HAND = f"""
    select count(*) as leads, count(days) as won, count_if(days between 0 and 90) as won_within_90, count_if(days < 0) as won_before
    from (
      select date_diff('day', l.first_contact_date::date, d.won_date::date) as days
      from '{LEADS}' as l left join read_csv('{DEALS}') as d using (mql_id)
    )
"""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("olist_funnel") / "w"
    walk = started(folder, "olist_funnel", profile="b2b", currency="BRL", timezone="America/Sao_Paulo")
    landed = walk.bring(LEADS, DEALS)
    assert {name: (e["inserted"], e["rejected"]) for name, e in landed.items()} == {
        "channels": (10, 0), "customers": (842, 0), "employees": (22, 0), "leads": (8_000, 0),
    }  # fmt: skip
    (warning,) = landed["leads"]["warnings"]
    assert "1 " in warning
    assert "the lead converted before it was created" in warning
    return walk


def test_the_files_say_what_their_readme_says() -> None:
    assert counted(BY_HAND) == {"leads": 8_000, "won": 842, "won_within_90": 691, "won_before": 1}


def test_who_ever_converted_is_842_of_8000(walk: Walk) -> None:
    ever = walk.read("lead_conversion_rate_ever")
    assert (*parts(ever), ever.n) == (842, 8_000, 8_000)


def test_who_converted_within_90_days_leaves_out_the_deal_before_its_lead(walk: Walk) -> None:
    soon = walk.read("lead_conversion_rate")
    assert parts(soon) == (691, 8_000)
    assert not soon.is_open
    (before,) = walk.held("leads", "select lead_id, source_channel from leads where converted_at < created_at")
    assert before["source_channel"] == "organic_search"
    assert parts(walk.read("lead_conversion_rate", where="converted_on < created_on")) == (0, 1)


def test_origins_are_those_of_the_readme(walk: Walk) -> None:
    origins = walk.by("lead_conversion_rate_ever", "source_channel")
    assert {origin: parts(r) for origin, r in origins.items()} == ORIGINS


def test_days_are_those_of_the_file_through_the_change_of_the_clocks(walk: Walk) -> None:
    # midnight of 15 October 2017 did not exist in São Paulo: its leads stay on that day
    (row,) = walk.held("leads", "select count(*) as n from leads where created_on = date '2017-10-15'")
    assert row == counted(f"select count(*) as n from '{LEADS}' where first_contact_date like '2017-10-15%'")
    assert row["n"]
