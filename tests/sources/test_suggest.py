import os
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest
import yaml

from keepwell.core.errors import WrongUseError
from keepwell.lake.entity import entities, entity
from keepwell.sources import mapping
from keepwell.sources.naming import words
from keepwell.sources.suggest import Confidence, SampleColumn, Suggestion, suggest, suggest_entity, to_yaml

REFERENCE_DATA = Path(os.environ.get("KEEPWELL_REFERENCE_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def file(header: str, *rows: str) -> list[SampleColumn]:
    """A file written as a table with | between its cells; an empty cell is missing."""
    cells = [[cell.strip() or None for cell in row.split("|")] for row in rows]
    assert all(len(row) == len(header.split("|")) for row in cells)
    return [SampleColumn(name.strip(), tuple(row[i] for row in cells)) for i, name in enumerate(header.split("|"))]


def reference(path: str, rows: int = 300) -> list[SampleColumn]:
    """The first rows of a file of the reference data."""
    found = REFERENCE_DATA / path
    if not found.exists():
        pytest.skip(f"no reference data in {REFERENCE_DATA} (set KEEPWELL_REFERENCE_DATA)")
    source = f"read_csv('{found}', all_varchar = true, header = true)" if found.suffix == ".csv" else f"'{found}'"
    relation = duckdb.connect().sql(f"select columns(*)::varchar from {source} limit {rows}")
    table = relation.fetchall()
    return [SampleColumn(name, tuple(row[i] for row in table)) for i, name in enumerate(relation.columns)]


def pairs(suggestion: Suggestion) -> dict[str, str]:
    return {match.column.name: match.source.name for match in suggestion.matches}


def values(suggestion: Suggestion, column: str) -> Mapping[str, str | None]:
    return next(match.values for match in suggestion.matches if match.column.name == column)


def confidence(suggestion: Suggestion, column: str) -> Confidence:
    return next(match.confidence for match in suggestion.matches if match.column.name == column)


EXPORTS = yaml.safe_load((Path(__file__).parent / "exports.yaml").read_text(encoding="utf-8"))
FILES = {name: (file(*export["table"].splitlines()), export["entity"]) for name, export in EXPORTS.items()}
SHOPIFY_ORDERS = FILES["shopify"][0]
TAOBAO_ORDERS = FILES["taobao"][0]
YOUZAN_ORDERS = FILES["youzan"][0]
SALESFORCE_ACCOUNTS = FILES["salesforce"][0]
HUBSPOT_CONTACTS = FILES["hubspot"][0]
SURVEYMONKEY_NPS = FILES["surveymonkey"][0]
CHINESE_CRM = FILES["chinese crm"][0]
CHINESE_POINTS = FILES["chinese points"][0]
GERMAN_ORDERS = FILES["german"][0]
STRIPE_SUBSCRIPTIONS = FILES["stripe"][0]


# -------------------------------------------------------------------- which column


@pytest.mark.parametrize("name", FILES)
def test_the_columns_of_a_usual_export_are_found(name: str) -> None:
    columns, target = FILES[name]
    assert pairs(suggest(columns, entity(target))) == EXPORTS[name]["columns"]


@pytest.mark.parametrize("name", FILES)
def test_the_entity_of_a_usual_export_is_among_the_first_three(name: str) -> None:
    columns, target = FILES[name]
    ranked = suggest_entity(columns, currency="CNY")
    assert target in [found.entity for found in ranked[:3]]
    assert [found.score for found in ranked] == sorted((found.score for found in ranked), reverse=True)
    assert all(0 <= found.score <= 1 for found in ranked)


def test_every_imported_entity_is_found_from_its_own_column_names() -> None:
    for name, wanted in entities().items():
        if wanted.is_derived:
            continue
        own = [column.name for column in wanted.columns if not column.is_computed and column.name != "attributes"]
        assert pairs(suggest([SampleColumn(column) for column in own], wanted)) == {column: column for column in own}, name


def test_one_file_column_feeds_one_column_at_most() -> None:
    for columns, target in FILES.values():
        sources = list(pairs(suggest(columns, entity(target))).values())
        assert len(set(sources)) == len(sources)


def test_the_order_of_the_files_columns_does_not_matter() -> None:
    for columns, target in FILES.values():
        assert pairs(suggest(columns[::-1], entity(target))) == pairs(suggest(columns, entity(target)))


@pytest.mark.parametrize(
    "header", ["customerId", "Customer ID", "CUSTOMER_ID", "customer-id", "ＣｕｓｔｏｍｅｒＩＤ", " customer id ", "客户编号", "客户ID"]
)
def test_case_space_punctuation_and_width_do_not_matter(header: str) -> None:
    found = suggest([SampleColumn(header, ("C1", "C2"))], entity("customers"))
    assert pairs(found) == {"customer_id": header}
    assert confidence(found, "customer_id") is Confidence.SURE


def test_addresses_are_found_by_their_values_alone() -> None:
    found = suggest([SampleColumn("联络", ("a@x.example", "b@y.example")), SampleColumn("wx", ("13812345678",))], entity("customers"))
    assert pairs(found) == {"email": "联络", "phone": "wx"}
    assert confidence(found, "email") is Confidence.GUESS


def test_values_that_do_not_fit_outweigh_a_header_that_is_only_alike() -> None:
    found = suggest([SampleColumn("state", ("Ohio", "Texas", "Iowa"))], entity("orders"))
    assert "status" not in pairs(found)


def test_a_header_that_is_the_columns_own_stays_and_says_what_does_not_fit() -> None:
    found = suggest([SampleColumn("ordered_at", ("soon", "later"))], entity("orders"))
    assert confidence(found, "ordered_at") is Confidence.GUESS
    assert "100 % of the values do not read as instant" in to_yaml(found)


def test_without_values_nothing_is_sure() -> None:
    found = suggest([SampleColumn("order_id", (None, ""))], entity("orders"))
    assert confidence(found, "order_id") is not Confidence.SURE
    assert "no values seen" in to_yaml(found)


def test_no_e_mail_address_becomes_an_identifier() -> None:
    assert "customer_id" not in pairs(suggest(file("买家支付宝账号", "a@x.example", "b@x.example"), entity("orders")))


def test_a_key_that_repeats_says_so() -> None:
    found = suggest(file("order_id|amount", "1|2.00", "1|3.00", "2|4.00"), entity("orders"))
    assert found.key_repeats
    assert "3 values, 2 different" in to_yaml(found)


def test_a_derived_entity_is_refused() -> None:
    with pytest.raises(WrongUseError, match="computed by a refresh"):
        suggest([], entity("kpi_values"))


def test_no_columns_give_an_empty_suggestion() -> None:
    found = suggest([], entity("customers"))
    assert found.matches == ()
    assert [missing.column for missing in found.missing] == ["customer_id"]


# ---------------------------------------------------------------- what values mean


@pytest.mark.parametrize(
    ("columns", "target", "column", "expected"),
    [
        (SHOPIFY_ORDERS, "orders", "status", {"paid": "completed", "refunded": "refund"}),
        (TAOBAO_ORDERS, "orders", "status", {"交易成功": "completed", "卖家已发货，等待买家确认": "completed", "交易关闭": "cancelled"}),
        (YOUZAN_ORDERS, "orders", "status", {"已完成": "completed", "已取消": "cancelled", "待发货": "pending"}),
        (SALESFORCE_ACCOUNTS, "customers", "country", {"United States": "US", "Germany": "DE"}),
        (CHINESE_CRM, "customers", "country", {"中国": "CN", "韩国": "KR"}),
        (CHINESE_CRM, "customers", "kind", {"企业": "company", "个人": "person"}),
        (CHINESE_CRM, "customers", "gender", {"女": "female", "男": "male"}),
        (CHINESE_POINTS, "loyalty_entries", "kind", {"获得": "earn", "兑换": "spend"}),
    ],
)
def test_words_of_both_languages_are_translated(columns: list[SampleColumn], target: str, column: str, expected: dict[str, str]) -> None:
    assert values(suggest(columns, entity(target)), column) == expected


def test_what_the_import_reads_by_itself_needs_no_translation() -> None:
    found = suggest(file("is_trial|currency|plan", "yes|eur|a", "否|EUR|b", "TRUE|EUR|c"), entity("subscriptions"))
    assert values(found, "is_trial") == {}
    assert values(found, "currency") == {}


def test_cells_that_stand_for_missing_become_null() -> None:
    found = suggest(file("employee_id|ticket_id", "?|1", "N/A|2", "E7|3"), entity("tickets"))
    assert values(found, "employee_id") == {"?": None, "N/A": None}
    assert yaml.safe_load(to_yaml(found))["entities"]["tickets"]["values"]["employee_id"] == {"?": None, "N/A": None}


def test_namibia_and_people_named_null_are_not_missing() -> None:
    found = suggest(file("customer_id|country|name|city", "1|NA|Null|NULL", "2|DE|Ada|Bonn", "3|FR|Bo|Lyon"), entity("customers"))
    assert values(found, "country") == {}
    assert values(found, "name") == {}
    assert values(found, "city") == {"NULL": None}


def test_members_nobody_knows_are_named() -> None:
    columns = file("country|customer_id", "France|1", "Atlantis|2", "FR|3", "France|4", "France|5")
    assert "not understood: 'Atlantis'" in to_yaml(suggest(columns, entity("customers")))


def test_the_word_lists_hold_words_only_and_each_stands_in_one_group() -> None:
    groups = [word for members in words()["synonyms"].values() for word in members]
    members = [word for known in words()["members"].values() for word in known]
    assert all(isinstance(word, str) for word in [*groups, *members, *words()["empty"]])
    assert sorted(set(groups)) == sorted(groups)


def test_every_allowed_member_of_the_model_is_known_by_other_words_too() -> None:
    known = words()["members"]
    # "other" and the bands of ages are told by nobody in another word
    lacking = {
        f"{name}.{column.name}: {member}"
        for name, wanted in entities().items()
        if not wanted.is_derived
        for column in wanted.columns
        if not column.is_computed
        for member in column.allowed
        if member not in known and member != "other"
    }
    assert lacking == set()


# -------------------------------------------------------- dates, numbers, constants


def test_one_date_format_of_all_columns_is_given_once() -> None:
    found = to_yaml(suggest(SHOPIFY_ORDERS, entity("orders"), timezone="Asia/Shanghai"))
    assert yaml.safe_load(found)["dates"] == "%Y-%m-%d %H:%M:%S %z"
    assert "timezone" not in yaml.safe_load(found)  # every instant says its offset


def test_columns_with_different_date_formats_are_left_to_the_import() -> None:
    columns = file("ticket_id|opened_at|closed_at", "1|31-12-2023|01-01-2024 03:00", "2|30-12-2023|31-12-2023 04:00")
    found = yaml.safe_load(to_yaml(suggest(columns, entity("tickets"), timezone="Europe/London")))
    assert "dates" not in found
    assert found["timezone"] == "Europe/London"
    assert found["entities"]["tickets"]["columns"]["closed_at"] == "closed_at"


def test_a_day_that_could_be_a_month_is_said_and_not_decided() -> None:
    written = to_yaml(suggest(file("order_id|order_date", "1|01/02/2026", "2|03/04/2026"), entity("orders")))
    assert "dates" not in yaml.safe_load(written)
    assert "# dates: '%d/%m/%Y'  # %d/%m/%Y or %m/%d/%Y: every value seen reads both ways" in written


def test_another_column_of_the_file_tells_day_from_month() -> None:
    same = file("ticket_id|opened_at|closed_at", "1|01/02/2026|01/31/2026", "2|03/04/2026|02/28/2026")
    assert yaml.safe_load(to_yaml(suggest(same, entity("tickets"))))["dates"] == "%m/%d/%Y"
    differing = file("ticket_id|opened_at|closed_at", "1|01/02/2026|01/31/2026 10:00", "2|03/04/2026|02/28/2026 11:00")
    found = yaml.safe_load(to_yaml(suggest(differing, entity("tickets"))))
    assert found["entities"]["tickets"]["expressions"] == {"opened_at": "try_strptime(\"opened_at\", '%m/%d/%Y')"}


def test_headers_that_say_utc_settle_the_time_zone() -> None:
    assert suggest(STRIPE_SUBSCRIPTIONS, entity("subscriptions"), timezone="Asia/Shanghai").timezone == "UTC"


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [(("1.234,50", "99,00"), ","), (("1,234.50", "99.00"), "."), (("1234.50", "99"), None), (("1,234",), None)],
)
def test_the_decimal_sign_is_given_where_numbers_are_not_plain(amounts: tuple[str, ...], expected: str | None) -> None:
    columns = [SampleColumn("order_id", tuple("ABC"[: len(amounts)])), SampleColumn("amount", amounts)]
    assert yaml.safe_load(to_yaml(suggest(columns, entity("orders")))).get("decimal") == expected


def test_a_number_that_reads_two_ways_is_said_and_not_decided() -> None:
    assert '# decimal: "."  # "." or ","' in to_yaml(suggest(file("order_id|amount", "1|1,234", "2|5,678"), entity("orders")))


def test_currency_signs_tell_the_currency_and_are_taken_off() -> None:
    found = suggest(file("订单号|金额", "1|￥128.00", "2|￥59.90"), entity("orders"), currency="USD")
    assert found.constants == {"currency": "CNY"}
    assert [match.expression for match in found.matches] == [None, "regexp_replace(\"金额\", '[^0-9.,+-]', '', 'g')"]


def test_the_workspaces_currency_is_proposed_where_the_file_names_none() -> None:
    assert suggest(TAOBAO_ORDERS, entity("orders"), currency="CNY").constants == {"currency": "CNY"}
    assert "currency" in [missing.column for missing in suggest(TAOBAO_ORDERS, entity("orders")).missing]


def test_a_net_promoter_question_settles_metric_and_scale() -> None:
    found = suggest(SURVEYMONKEY_NPS, entity("responses"))
    expected = {"question_id": "nps", "metric": "nps", "scale_min": "0", "scale_max": "10", "higher_is_better": "true"}
    assert found.constants == expected


def test_a_total_beside_a_tax_column_is_asked_about() -> None:
    assert "net of tax is expected, and the file has Taxes" in to_yaml(suggest(SHOPIFY_ORDERS, entity("orders")))
    assert "net of tax" not in to_yaml(suggest(TAOBAO_ORDERS, entity("orders")))


def test_first_and_last_name_are_joined() -> None:
    assert suggest(HUBSPOT_CONTACTS, entity("contacts")).expressions == {"name": 'concat_ws(\' \', "First Name", "Last Name")'}


# -------------------------------------------------------------------- the file itself


@pytest.mark.parametrize("name", FILES)
def test_the_written_mapping_is_one_that_the_import_reads(name: str, tmp_path: Path) -> None:
    columns, target = FILES[name]
    found = suggest(columns, entity(target), currency="CNY", timezone="Asia/Shanghai")
    path = tmp_path / "mapping.yaml"
    path.write_text(to_yaml(found), encoding="utf-8")
    (read,) = mapping.read(path).entities
    assert read.entity.name == target
    assert {*read.columns, *read.expressions} == {*pairs(found), *found.expressions}
    assert read.columns == {match.column.name: match.source.name for match in found.matches if match.expression is None}
    assert read.values == {match.column.name: dict(match.values) for match in found.matches if match.values}


def test_headers_that_yaml_would_misread_come_back_as_they_are() -> None:
    headers = ["yes", "say: #1", "null", "2026-10-05", "007", "a'b\"c", "x\ty", "[list]", "- dash", " spaced ", "是"]
    tickets = entity("tickets")
    written = to_yaml(suggest([SampleColumn(header, ("a", "a", "a")) for header in headers], tickets))
    lines = written.splitlines()
    start = lines.index("    # attributes:")
    uncommented = yaml.safe_load("\n".join(line.replace("# ", "", 1) for line in lines[start:]))
    assert list(uncommented["attributes"]) == headers
    assert list(uncommented["attributes"].values()) == headers


def test_each_line_says_its_confidence_and_a_sample() -> None:
    written = to_yaml(suggest(TAOBAO_ORDERS, entity("orders")))
    assert any(line.split("#", 1)[1] == " sure · 6021" for line in written.splitlines() if "order_id:" in line)
    assert any(" likely · tb_lily" in line for line in written.splitlines() if "customer_id:" in line)


def test_values_of_persons_are_not_written_into_a_mapping() -> None:
    written = to_yaml(suggest(CHINESE_CRM, entity("customers"))) + to_yaml(suggest(TAOBAO_ORDERS, entity("orders")))
    for value in ["13800138000", "a@yh.example", "李四", "13812345678", "lily@mail.example", "李莉", "杭州市"]:
        assert value not in written


def test_required_columns_that_were_not_found_say_what_to_do() -> None:
    written = to_yaml(suggest(GERMAN_ORDERS, entity("orders")))
    assert "# Required and not found:" in written
    assert "# - status: one of completed, pending, cancelled, refund" in written
    assert "constants: {status: completed}" in written


def test_columns_that_might_be_the_missing_one_are_named() -> None:
    columns = file("lead_id|first_contact", "1|2018-02-01", "2|2018-03-01")
    (missing,) = suggest(columns, entity("leads")).missing
    assert missing.column == "created_at"
    assert "perhaps first_contact" in missing.advice


# ------------------------------------------------------------------- reference data


def test_lines_of_a_real_shop_feed_orders_and_order_lines() -> None:
    columns = reference("online_retail_uci/online_retail.parquet")
    orders = suggest(columns, entity("orders"))
    assert pairs(orders) == {"order_id": "InvoiceNo", "customer_id": "CustomerID", "ordered_at": "InvoiceDate", "country": "Country"}
    assert values(orders, "country") == {"United Kingdom": "GB", "France": "FR", "Australia": "AU"}
    assert orders.key_repeats
    lines = suggest(columns, entity("order_lines"))
    assert pairs(lines) == {"order_id": "InvoiceNo", "product_id": "StockCode", "quantity": "Quantity", "unit_price": "UnitPrice"}
    assert suggest_entity(columns, currency="GBP")[0].entity == "order_lines"


def test_countries_of_a_real_shop_are_known_but_for_what_is_no_country() -> None:
    columns = reference("online_retail_uci/online_retail.parquet", rows=541_909)
    countries = SampleColumn("Country", tuple(dict.fromkeys(columns[-1].values)))
    found = values(suggest([countries], entity("customers")), "country")
    assert (found["EIRE"], found["RSA"], found["USA"], found["Germany"]) == ("IE", "ZA", "US", "DE")
    assert set(countries.values) - set(found) == {"Unspecified", "European Community", "Channel Islands"}


def test_telco_customers_keep_what_the_model_does_not_name_as_attributes() -> None:
    found = suggest(reference("telco_churn_ibm/telco_customer_churn.csv"), entity("customers"))
    assert pairs(found) == {"customer_id": "customerID", "gender": "gender"}
    assert values(found, "gender") == {"Female": "female", "Male": "male"}
    assert len(found.unmapped) == 19


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("olist_marketing_funnel/mql_with_header.parquet", "leads", {"lead_id": "mql_id", "source_channel": "origin"}),
        (
            "ravenstack_saas_synthetic/ravenstack_accounts.csv",
            "customers",
            {
                "customer_id": "account_id",
                "name": "account_name",
                "country": "country",
                "industry": "industry",
                "acquired_from": "referral_source",
                "created_at": "signup_date",
            },
        ),
        (
            "ravenstack_saas_synthetic/ravenstack_supports_ticket.csv",
            "tickets",
            {
                "ticket_id": "ticket_id",
                "customer_id": "account_id",
                "opened_at": "submitted_at",
                "priority": "priority",
                "closed_at": "closed_at",
            },
        ),
        (
            "nps_verbatims_textsummary/nps_verbatims.csv",
            "responses",
            {"score": "NPS_SCORE", "comment": "text", "answered_at": "CUSTOMER_RESPONSE_DATE"},
        ),
    ],
)
def test_real_files_are_understood(path: str, target: str, expected: dict[str, str]) -> None:
    columns = reference(path)
    assert expected.items() <= pairs(suggest(columns, entity(target))).items()
    assert suggest_entity(columns)[0].entity == target
