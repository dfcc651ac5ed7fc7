"""The canonical entities hold what the data model promises, and nothing in them is broken."""

import re
from collections.abc import Iterator

import duckdb
import pytest

from keepwell.lake.entity import Column, ColumnType, Entity, entities

# The data model, written down by hand: `*` key, `!` required, `§` personal. Dates computed beside an instant and
# `attributes` are not repeated here.
MODEL = """
customers: customer_id* kind! name§ email§ phone§ address§ birth_date§ gender§ has_valid_email has_valid_phone age_band language country region
  city occupation income_band industry company_size household_id acquired_from acquired_by_campaign referred_by parent_id owner_id
  became_customer_at created_at
contacts: contact_id* customer_id! name§ email§ phone§ title decision_role active_from active_to
employees: employee_id* name!§ email§ team role region manager_id active_from active_to
consents: consent_id* customer_id! purpose! channel status! at! expires_at evidence§
identities: source* source_customer_id* customer_id!
channels: channel* is_paid!
regions: region* name parent
teams: team* name parent
products: product_id* name! category unit_price unit_cost currency
orders: order_id* customer_id ordered_at! status! refund_of amount! margin discount currency! channel campaign_id employee_id store country
order_lines: order_id* line_no* product_id! quantity! unit_price! amount! unit_cost discount ordered_at! ordered_on customer_id status! currency!
contracts: contract_id* customer_id! signed_at! starts_on ends_on amount! currency! owner_id
subscriptions: subscription_id* customer_id! plan started_at! ended_at renews_at renewed_as monthly_amount! currency! is_trial! end_reason
  contract_id
payments: payment_id* customer_id! order_id contract_id due_at paid_at amount_due! amount_paid currency!
usage: usage_id* customer_id! subscription_id used_on! feature! count duration_s errors
campaigns: campaign_id* name! channel started_at ended_at
costs: cost_id* incurred_on! purpose! kind! amount! currency! channel campaign_id customer_id
exposures: experiment_id* customer_id* campaign_id action_id assigned_at! arm! is_control! sent_at delivered_at bounced_at opened_at clicked_at
  responded_at unsubscribed_at
leads: lead_id* created_at! source_channel campaign_id owner_id qualified_at lost_at converted_at customer_id
opportunities: opportunity_id* customer_id lead_id owner_id stage! amount currency probability expected_close_at created_at! closed_at outcome
stage_changes: opportunity_id* at* from_stage to_stage!
visits: visit_id* visitor_id! customer_id started_at! channel campaign_id pages converted!
interactions: interaction_id* customer_id! contact_id occurred_at! channel! direction! employee_id subject§ body§ duration_s
tickets: ticket_id* customer_id order_id product_id opened_at! kind! priority channel team employee_id first_response_at resolved_at closed_at
  first_response_due_at resolution_due_at sla_met reopened_count contacts_to_resolve escalated_at subject§ status!
ticket_events: ticket_id* at* kind!* employee_id
responses: response_id* question_id!* survey_id survey_version wave metric! scale_min! scale_max! higher_is_better! satisfied_from score comment§
  language customer_id ticket_id order_id employee_id invited_at answered_at! channel
mentions: mention_id* site! at! rating scale_max text§ language product_id about
invitations: invitation_id* survey_id! customer_id! decided_at! sent_at refused_because response_id
cases: case_id* customer_id! response_id ticket_id opened_at! due_at! first_contact_at closed_at outcome owner_id re_asked_response_id
tasks: task_id* customer_id owner_id! kind! due_at! done_at outcome
programmes: programme_id* name! point_value! currency! breakage_rate starts_on ends_on
memberships: membership_id* programme_id! customer_id! joined_at! left_at tier
loyalty_entries: entry_id* programme_id! customer_id! at! points! kind! lot_id available_at expires_at order_id note§
referrals: referrer_id* referred_id* referred_at! converted_at
fx_rates: currency* on* rate!
calendar: country* on* is_business_day!
business_hours: team* weekday* opens_at! closes_at! time_zone! country!
quotas: scope* member_id* kpi* period_start* period_end! amount! currency
"""

WITH_ATTRIBUTES = {"employees", "customers", "contacts", "orders", "tickets", "opportunities"}
DERIVED = {
    "kpi_values",
    "explanations",
    "customer_scores",
    "personas",
    "cohort_values",
    "basket_rules",
    "topics",
    "topic_quotes",
    "drivers",
    "calibration_points",
    "health_checks",
    "health_definitions",
    "model_parameters",
    "model_reports",
    "data_quality",
}
READING_COLUMNS = {
    "run_id", "kpi", "definition_hash", "grain", "period_start", "period_end", "dimension", "member", "value", "ci_low", "ci_high", "n",
    "numerator", "denominator", "status", "is_open", "coverage", "fresh_until", "change_previous", "change_previous_is_real",
    "change_last_year", "change_last_year_is_real",
}  # fmt: skip
CODES_IN_CHINESE = {"NPS", "KPI", "CLV", "SLA"}
CJK = re.compile(r"[\u4e00-\u9fff]")

EVERY_ENTITY = [pytest.param(e, id=e.name) for e in entities().values()]
EVERY_COLUMN = [(e, c) for e in entities().values() for c in e.columns]


def model() -> dict[str, dict[str, str]]:
    """Entity -> column -> its marks."""
    blocks = re.findall(r"^(\w+): (.+(?:\n  .+)*)", MODEL, flags=re.MULTILINE)
    return {name: {re.sub(r"\W", "", word): re.sub(r"\w", "", word) for word in words.split()} for name, words in blocks}


def quoted(name: str) -> str:
    return f'"{name}"'


def sql_statements() -> Iterator[tuple[str, Entity, str]]:
    for entity in entities().values():
        for column in entity.columns:
            if column.derived:
                yield f"{entity.name}.{column.name} derived", entity, column.derived
            if column.default:
                yield f"{entity.name}.{column.name} default", entity, column.default
        for rule in entity.rules:
            yield f"{entity.name} rule {rule.name}", entity, rule.holds


def empty_table(entity: Entity, connection: duckdb.DuckDBPyConnection) -> None:
    columns = [f"{quoted(c.name)} {c.sql_type}" for c in entity.columns]
    landing = ["_landed_at TIMESTAMP WITH TIME ZONE", "_landed_on DATE"]
    connection.execute(f"create or replace table rows ({', '.join(columns + landing)})")


def derived_value(name: str, given: dict[str, str | None], landed_on: str = "2026-10-31") -> object:
    """What the customers' derived column is for a row with the given values."""
    columns = {c.name: c for c in entities()["customers"].columns}
    row = ", ".join(f"cast(? as {columns[n].sql_type}) as {quoted(n)}" for n in given)
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select {columns[name].derived} from (select {row}, date '{landed_on}' as _landed_on)", list(given.values())
        ).fetchone()
    assert found is not None
    return found[0]


def test_importable_entities_are_those_of_the_data_model() -> None:
    assert {e.name for e in entities().values() if not e.is_derived} == set(model())
    assert {e.name for e in entities().values() if e.is_derived} == DERIVED


@pytest.mark.parametrize("name", model())
def test_columns_and_marks_are_those_of_the_data_model(name: str) -> None:
    entity, marks = entities()[name], model()[name]
    assert entity.key == tuple(c for c, m in marks.items() if "*" in m)
    assert {c.name for c in entity.columns if c.is_required} == {c for c, m in marks.items() if "!" in m or "*" in m}
    assert {c.name for c in entity.personal_columns} == {c for c, m in marks.items() if "§" in m}
    others = {c.name for c in entity.columns if not c.date_of and c.type is not ColumnType.ATTRIBUTES}
    assert others == set(marks)
    assert entity.has_column("attributes") is (name in WITH_ATTRIBUTES)


def test_people_keep_their_profiles_and_owners_their_history() -> None:
    assert {e.name: e.person for e in entities().values() if e.person} == {
        "customers": "customer",
        "contacts": "contact",
        "employees": "employee",
    }
    assert {e.name for e in entities().values() if e.keeps_history} == {"customers", "employees"}


def test_readings_have_the_columns_that_every_surface_shows() -> None:
    assert {c.name for c in entities()["kpi_values"].columns} >= READING_COLUMNS
    assert entities()["kpi_values"].key == ("run_id", "kpi", "grain", "period_start", "dimension", "member")
    assert {entities()["kpi_values"].column(c).type for c in ("value", "numerator", "denominator")} == {ColumnType.READING}


@pytest.mark.parametrize("entity", EVERY_ENTITY)
def test_labels_stand_in_both_languages(entity: Entity) -> None:
    labels = [entity.label, *(c.label for c in entity.columns), *(r.says for r in entity.rules)]
    for label in labels:
        assert set(label) == {"en", "zh"}
        assert label["en"].strip()
        assert CJK.search(label["zh"]) or label["zh"] in CODES_IN_CHINESE
        assert not CJK.search(label["en"])
    assert all(text.endswith(".") for text in (entity.meaning, *(c.meaning for c in entity.columns)))


@pytest.mark.parametrize(("entity", "column"), [(e, c) for e, c in EVERY_COLUMN if c.references])
def test_reference_names_an_entity_with_a_single_key_of_the_same_type(entity: Entity, column: Column) -> None:
    assert column.references in entities(), entity.name
    (key,) = entities()[column.references].key
    assert entities()[column.references].column(key).type is column.type


@pytest.mark.parametrize("entity", EVERY_ENTITY)
def test_months_and_dates_rest_on_columns_of_the_right_type(entity: Entity) -> None:
    if entity.month_of:
        assert entity.column(entity.month_of).type is ColumnType.DATE
        assert not entity.column(entity.month_of).is_personal
    for column in entity.columns:
        if column.date_of:
            instant = entity.column(column.date_of)
            assert column.type is ColumnType.DATE
            assert instant.type is ColumnType.INSTANT
            assert column.may_be_future is instant.may_be_future


@pytest.mark.parametrize(("entity", "column"), [(e, c) for e, c in EVERY_COLUMN if c.copied_from])
def test_copied_column_is_like_its_original(entity: Entity, column: Column) -> None:
    assert column.copied_from is not None
    parent = entities()[column.copied_from]
    original = parent.column(column.name)
    assert (column.type, column.allowed) == (original.type, original.allowed)
    assert any(c.references == parent.name for c in entity.columns if c.is_key)


@pytest.mark.parametrize("entity", EVERY_ENTITY)
def test_names_and_aliases_are_unique_within_an_entity(entity: Entity) -> None:
    names = [name for c in entity.columns for name in (c.name, *c.aliases)]
    folded = [name.lower() for name in names]
    assert len(folded) == len(set(folded)), sorted({n for n in folded if folded.count(n) > 1})
    assert all(name == name.strip() and " " not in name for name in names)


@pytest.mark.parametrize("entity", EVERY_ENTITY)
def test_computed_columns_and_bounds_make_sense(entity: Entity) -> None:
    for column in entity.columns:
        assert not (column.is_computed and column.aliases), "no file may bring it, so no file names it"
        assert not (column.allowed and column.type is not ColumnType.CODE)
        assert all(entity.has_column(c) for c in column.derived_from)
        assert bool(column.derived) is bool(column.derived_from)
        if column.minimum is not None and column.maximum is not None:
            assert column.minimum < column.maximum


def test_nothing_that_lands_on_every_row_is_declared_twice() -> None:
    taken = {"batch_id", "updated_at", "_landed_at", "_landed_on", "valid_from", "valid_to"}
    assert not [(e.name, c.name) for e, c in EVERY_COLUMN if c.name in taken]


@pytest.mark.parametrize(("entity", "sql"), [pytest.param(e, s, id=n) for n, e, s in sql_statements()])
def test_sql_runs_over_the_columns_of_the_row(entity: Entity, sql: str) -> None:
    with duckdb.connect() as connection:
        empty_table(entity, connection)
        assert connection.execute(f"select {sql} from rows").fetchall() == []


@pytest.mark.parametrize("entity", EVERY_ENTITY)
def test_unknown_values_break_no_rule(entity: Entity) -> None:
    with duckdb.connect() as connection:
        empty_table(entity, connection)
        connection.execute("insert into rows (_landed_on) values (date '2026-10-31')")
        for rule in entity.rules:
            assert connection.execute(f"select coalesce({rule.holds}, true) from rows").fetchall() == [(True,)]


@pytest.mark.parametrize(
    ("email", "is_valid"),
    [
        ("ana@example.com", True),
        (" Ana.Lopez+shop@mail.example.co.uk ", True),
        ("wang@例子.中国", True),
        ("ana@example", False),
        ("ana.example.com", False),
        ("ana@@example.com", False),
        ("ana@example..com", False),
        ("ana lopez@example.com", False),
        ("n/a", False),
        ("", None),
        (None, None),
    ],
)
def test_email_is_valid_when_well_formed_and_unknown_when_absent(email: str | None, is_valid: bool | None) -> None:
    assert derived_value("has_valid_email", {"email": email}) is is_valid


@pytest.mark.parametrize(
    ("phone", "is_valid"),
    [
        ("13800138000", True),
        ("+86 138-0013-8000", True),
        ("(020) 7946 0958", True),
        ("12345", False),
        ("00000000000", False),
        ("12345678901234567", False),
        ("call me", False),
        (" ", None),
        (None, None),
    ],
)
def test_phone_is_valid_with_seven_to_fifteen_digits(phone: str | None, is_valid: bool | None) -> None:
    assert derived_value("has_valid_phone", {"phone": phone}) is is_valid


@pytest.mark.parametrize(
    ("born", "band"),
    [
        ("2008-11-01", "0-17"),  # eighteen tomorrow
        ("2008-10-31", "18-24"),  # eighteen today
        ("1992-10-30", "25-34"),
        ("1961-11-01", "55-64"),
        ("1961-10-31", "65+"),
        ("1890-01-01", None),
        ("2027-01-01", None),
        (None, None),
    ],
)
def test_age_band_counts_whole_years_on_the_day_of_landing(born: str | None, band: str | None) -> None:
    assert derived_value("age_band", {"birth_date": born}) == band


@pytest.mark.parametrize(
    ("metric", "scale", "score", "holds"),
    [
        ("csat", (1, 5), 6, False),
        ("csat", (1, 5), 5, True),
        ("csat", (1, 5), None, True),
        ("nps", (1, 10), 9, False),
        ("nps", (0, 10), 0, True),
    ],
)
def test_answer_must_lie_on_its_scale(metric: str, scale: tuple[int, int], score: int | None, holds: bool) -> None:
    rules = [r.holds for r in entities()["responses"].rules]
    with duckdb.connect() as connection:
        empty_table(entities()["responses"], connection)
        connection.execute("insert into rows (metric, scale_min, scale_max, score) values (?, ?, ?, ?)", [metric, *scale, score])
        checks = connection.execute(f"select {', '.join(f'coalesce({r}, true)' for r in rules)} from rows").fetchone()
    assert checks is not None
    assert all(checks) is holds
