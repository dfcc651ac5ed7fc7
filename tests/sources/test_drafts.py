"""Uploads that wait: kept under names of ours, looked at, mapped, checked, mended, forgotten."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from factories.shop import OPENING, Shop
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.settings import changed
from keepwell.core.workspace import Workspace
from keepwell.sources import draft_checks, draft_mapping, drafts, imports
from keepwell.sources.draft_checks import Check
from keepwell.sources.drafts import Draft, NoRoomError, Upload
from keepwell.sources.findings import Cause, Example, Finding

# 1 is good, 2 has no date, 3 an amount that is none, 4 and 5 a state that nobody knows, 6 a day that is none, 7 is a record too short
SALES = """Order No,Date,Customer,Total,State
A-1,2025-10-31 09:12,C-1,12.50,paid
A-2,,C-2,89.90,paid
A-3,2025-11-01 08:05,C-3,twelve,paid
A-4,2025-11-02 10:00,C-1,45.00,weird
A-5,2025-11-02 16:30,C-2,12.30,weird
A-6,2025-02-30 10:00,C-2,-89.90,returned
A-7,2025-11-04
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def _upload(workspace: Workspace, content: str | bytes, name: str = "sales.csv", by: str | None = "usr_1") -> Draft:
    with Upload(workspace, name, by, OPENING) as upload:
        for start in range(0, len(content), 1000):
            piece = content[start : start + 1000]
            upload.write(piece.encode() if isinstance(piece, str) else piece)
        return upload.finish()


def _write(upload: Upload, megabytes: int) -> None:
    for _ in range(2 * megabytes):
        upload.write(b"x" * (512 << 10))


def _mapped(shop: Shop, content: str = SALES) -> Draft:
    draft = _upload(shop.workspace, content)
    draft_mapping.suggest_mapping(draft, shop.workspace, "orders")
    return draft


def _checked(shop: Shop, draft: Draft) -> Check:
    return draft_checks.check(shop.workspace, shop.lake, draft, shop.clock)


def _finding(check: Check, column: str | None, cause: Cause) -> Finding:
    (found,) = [f for f in check.findings if (f.column, f.cause) == (column, cause)]
    return found


# ------------------------------------------------------------------------ uploads


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("..\\..\\keepwell.toml.csv", "keepwell.toml.csv"),
        ("/abs/olute.csv", "olute.csv"),
        ("a\x00b\n\x1b[31m.csv", "ab[31m.csv"),
        ("gnp.\u202egpj.csv", "gnp.gpj.csv"),
        ("订单 十月.csv", "订单 十月.csv"),
        ("=cmd().csv", "=cmd().csv"),
        (f"{'x' * 300}.csv", f"{'x' * 145}….csv"),
    ],
)
def test_a_file_name_is_shown_and_never_a_path(shop: Shop, name: str, shown: str) -> None:
    before = set(shop.workspace.folder.rglob("*"))
    draft = _upload(shop.workspace, SALES, name)
    assert draft.name == shown
    made = {p for p in shop.workspace.folder.rglob("*") if p.is_file()} - before
    assert {p.parent for p in made} == {shop.workspace.drafts_folder / draft.draft_id}
    assert draft.file.name == "file.csv"
    assert draft.file.read_text(encoding="utf-8") == SALES


@pytest.mark.parametrize("name", ["tool.exe", "noending", "", "..", "page.html", ".csv/"])
def test_what_no_reader_reads_is_refused_before_it_is_sent(shop: Shop, name: str) -> None:
    with pytest.raises(WrongUseError, match="can't be read"):
        Upload(shop.workspace, name, None, OPENING)
    assert not shop.workspace.drafts_folder.exists()


def test_a_file_above_the_limit_is_refused_and_leaves_nothing(shop: Shop) -> None:
    small = replace(shop.workspace, settings=changed(shop.workspace.settings, upload_limit_mb=1))
    with pytest.raises(NoRoomError, match="larger than 1 MB"), Upload(small, "big.csv", None, OPENING) as upload:
        _write(upload, 3)
    with pytest.raises(NoRoomError), Upload(small, "big.csv", None, OPENING) as upload:
        upload.expect((1 << 20) + 1)
    assert list(small.drafts_folder.iterdir()) == []


def test_a_file_for_which_the_disk_has_no_room_is_refused_at_once(shop: Shop) -> None:
    vast = replace(shop.workspace, settings=changed(shop.workspace.settings, upload_limit_mb=1 << 40))
    with pytest.raises(NoRoomError, match="no room"), Upload(vast, "big.csv", None, OPENING) as upload:
        upload.expect(1 << 60)


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to make a file longer, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_is_told_and_nothing_is_left(shop: Shop) -> None:
    # Python ignores the signal that comes with it, so the write fails as on a full disk
    with _files_of_at_most(1 << 20), pytest.raises(NoRoomError, match="no room"), Upload(shop.workspace, "b.csv", None, OPENING) as upload:
        _write(upload, 4)
    assert list(shop.workspace.drafts_folder.iterdir()) == []


def test_an_empty_file_is_no_upload(shop: Shop) -> None:
    with pytest.raises(WrongUseError, match="is empty"):
        _upload(shop.workspace, "")
    assert drafts.drafts_of(shop.workspace, "usr_1") == []


def test_a_draft_is_seen_by_its_owner_only(shop: Shop) -> None:
    draft = _upload(shop.workspace, SALES)
    assert drafts.drafts_of(shop.workspace, "usr_1") == [draft]
    assert drafts.draft_of(shop.workspace, draft.draft_id, "usr_1") == draft
    assert drafts.drafts_of(shop.workspace, "usr_2") == []
    for wanted, by in ((draft.draft_id, "usr_2"), ("drf_none", "usr_1"), ("../lake", "usr_1"), ("", "usr_1")):
        with pytest.raises(WrongUseError, match="There is no upload"):
            drafts.draft_of(shop.workspace, wanted, by)


def test_drafts_go_after_a_week_and_when_they_are_forgotten(shop: Shop) -> None:
    kept, forgotten = _upload(shop.workspace, SALES), _upload(shop.workspace, SALES)
    drafts.forget(forgotten)
    drafts.remove_old(shop.workspace, OPENING + timedelta(days=6, hours=23))
    assert drafts.drafts_of(shop.workspace, "usr_1") == [kept]
    drafts.remove_old(shop.workspace, OPENING + timedelta(days=7, seconds=1))
    assert list(shop.workspace.drafts_folder.iterdir()) == []


# ------------------------------------------------------------------------ what is found


def test_findings_are_grouped_by_cause_with_values_and_lines(shop: Shop) -> None:
    check = _checked(shop, _mapped(shop))
    assert check.obstacle is None
    (orders,) = check.entities
    # seven records: A-1 lands; and the short one do not
    assert (orders.read, orders.inserted, orders.rejected) == (7, 1, 6)
    assert check.refused == ("orders",)
    assert _finding(check, "ordered_at", Cause.MISSING).examples == (Example(None, 1, 3),)
    assert _finding(check, "amount", Cause.UNREADABLE).examples == (Example("twelve", 1, 4),)
    state = _finding(check, "status", Cause.UNREADABLE)
    assert (state.rows, state.values, state.examples) == (2, 1, (Example("weird", 2, 5),))
    assert state.detail.startswith("completed, ")
    assert _finding(check, "ordered_at", Cause.UNREADABLE).examples == (Example("2025-02-30 10:00", 1, 7),)
    broken = _finding(check, None, Cause.BROKEN)
    assert (broken.rows, broken.examples[0].line) == (1, 8)
    parents = _finding(check, "customer_id", Cause.ORPHAN)
    assert (parents.is_warning, parents.detail, parents.rows) == (True, "customers", 1)


def test_a_check_writes_nothing_and_is_known_until_the_mapping_changes(shop: Shop) -> None:
    draft = _mapped(shop)
    assert draft_checks.last_check_or_none(draft) is None
    check = _checked(shop, draft)
    assert shop.lake.changes() == []
    assert draft_checks.last_check_or_none(draft) == check
    draft_checks.map_values(draft, "status", {"weird": "completed"})
    assert draft_checks.last_check_or_none(draft) is None


def test_a_finding_has_no_more_than_eight_values_the_commonest_first(shop: Shop) -> None:
    states = [s for n, s in enumerate("abcdefghijkl", start=1) for _ in range(n)]
    rows = "".join(f"A-{i},2025-10-31,1.00,{state}\n" for i, state in enumerate(states))
    draft = _mapped(shop, f"Order No,Date,Total,State\n{rows}")
    draft_checks.feed_from(draft, "status", "State")
    check = _checked(shop, draft)
    state = _finding(check, "status", Cause.UNREADABLE)
    # a stands once, b twice … l twelve times: 78 rows
    assert (state.rows, state.values) == (78, 12)
    assert [(e.value, e.rows) for e in state.examples] == [
        ("l", 12),
        ("k", 11),
        ("j", 10),
        ("i", 9),
        ("h", 8),
        ("g", 7),
        ("f", 6),
        ("e", 5),
    ]
    assert state.examples[0].line == 2 + 66  # l begins after 1 + 2 + … + 11 rows


def test_keys_that_stand_twice_and_rules_that_are_broken_are_findings(shop: Shop) -> None:
    rows = "C-1,2025-01-01\nC-1,2025-02-02\nC-2,2025-01-01\nC-2,2025-01-01\nC-3,2025-03-03\n"
    draft = _upload(shop.workspace, f"customer_id,created_at\n{rows}", "customers.csv")
    draft_mapping.suggest_mapping(draft, shop.workspace, "customers")
    check = _checked(shop, draft)
    double = _finding(check, "customer_id", Cause.DUPLICATE)
    assert (double.rows, double.examples) == (2, (Example("C-1", 2, 2),))
    again = _finding(check, "customer_id", Cause.REPEATED)
    assert (again.rows, again.is_warning) == (1, True)


# ------------------------------------------------------------------------ mending


def test_every_fix_lets_its_rows_land(shop: Shop) -> None:
    draft = _mapped(shop)
    _checked(shop, draft)
    draft_checks.map_values(draft, "status", {"weird": "completed"})
    draft_checks.map_values(draft, "amount", {"twelve": "12"})
    draft_checks.map_values(draft, "ordered_at", {"2025-02-30 10:00": "2025-02-28 10:00"})
    draft_checks.set_default(draft, "ordered_at", "2025-11-01")
    check = _checked(shop, draft)
    (orders,) = check.entities
    # the record that is too short stays out
    assert (orders.inserted, orders.rejected) == (6, 1)
    assert check.may_land
    report = imports.run(shop.workspace, shop.lake, draft_checks.request_for(draft), shop.clock)
    landed = {row[0]: row[1:] for row in shop.rows("orders", "order_id", "ordered_on", "status", "amount")}
    assert {k: (str(day), state, float(amount)) for k, (day, state, amount) in landed.items()} == {
        "A-1": ("2025-10-31", "completed", 12.5),
        "A-2": ("2025-11-01", "completed", 89.9),
        "A-3": ("2025-11-01", "completed", 12.0),
        "A-4": ("2025-11-02", "completed", 45.0),
        "A-5": ("2025-11-02", "completed", 12.3),
        "A-6": ("2025-02-28", "refund", -89.9),
    }
    (change,) = shop.lake.changes()
    assert (change.import_id, change.by, change.files[0].name) == (report.import_id, "usr_1", "sales.csv")


def test_a_column_that_is_dropped_rejects_no_row_and_a_required_one_stays(shop: Shop) -> None:
    draft = _upload(
        shop.workspace, "order_id,ordered_at,status,amount,currency,discount\n1,2026-01-05,completed,9,GBP,lots\n", "orders.csv"
    )
    draft_mapping.suggest_mapping(draft, shop.workspace, "orders")
    plain = draft_mapping.plain_or_none(draft)
    assert plain is not None
    draft_checks.feed_from(draft, "discount", "discount")
    check = _checked(shop, draft)
    finding = _finding(check, "discount", Cause.UNREADABLE)
    assert draft_checks.droppable(finding, draft_mapping.plain_or_none(draft) or plain) == ["discount"]
    draft_checks.drop_column(draft, "discount")
    assert _checked(shop, draft).entities[0].inserted == 1
    with pytest.raises(WrongUseError, match="can't do without amount"):
        draft_checks.drop_column(draft, "amount")


def test_dates_that_read_two_ways_stop_the_check_until_one_is_chosen(shop: Shop) -> None:
    draft = _mapped(shop, "Order No,Date,Total,State\n1,03/04/2025,5,paid\n2,05/06/2025,6,paid\n")
    check = _checked(shop, draft)
    assert check.obstacle is not None
    assert (check.obstacle.setting, set(check.obstacle.options)) == ("dates", {"%d/%m/%Y", "%m/%d/%Y"})
    draft_checks.set_format(draft, "dates", "%d/%m/%Y")
    assert _checked(shop, draft).entities[0].inserted == 2
    with pytest.raises(WrongUseError, match="no format"):
        draft_checks.set_format(draft, "encoding", "utf-8")


def test_what_must_be_given_and_is_not_is_named_and_can_be_set_for_all_rows(shop: Shop) -> None:
    draft = _upload(shop.workspace, "Order No,Date,Total\n1,2025-10-31,5\n", "orders.csv")
    draft_mapping.suggest_mapping(draft, shop.workspace, "orders")
    check = _checked(shop, draft)
    assert check.obstacle is not None
    assert check.obstacle.columns == ("status",)
    draft_checks.set_default(draft, "status", "completed")
    assert _checked(shop, draft).entities[0].inserted == 1


def test_a_form_changes_what_feeds_what_and_keeps_what_was_said_of_values(shop: Shop) -> None:
    draft = _mapped(shop)
    suggestion = draft_mapping.suggestion_for(draft, shop.workspace, "orders")
    draft_checks.map_values(draft, "status", {"weird": "completed"})
    plain = draft_mapping.plain_or_none(draft)
    assert plain is not None
    picks = [("Order No", "order_id"), ("Date", "ordered_at"), ("Customer", ""), ("Total", "amount"), ("State", "status")]
    draft_mapping.write_plain(draft, draft_mapping.chosen(plain, suggestion, picks, {"currency": " EUR "}))
    said = yaml.safe_load(draft.mapping.read_text(encoding="utf-8"))["entities"]["orders"]
    assert said["columns"] == {"order_id": "Order No", "ordered_at": "Date", "amount": "Total", "status": "State"}
    assert said["constants"] == {"currency": "EUR"}
    assert said["values"]["status"] == {"paid": "completed", "returned": "refund", "weird": "completed"}
    with pytest.raises(WrongUseError, match="Two columns"):
        draft_mapping.chosen(plain, suggestion, [("Order No", "order_id"), ("State", "order_id")], {})


def test_a_mapping_is_kept_as_text_only_if_it_is_one(shop: Shop) -> None:
    draft = _mapped(shop)
    before = draft.mapping.read_text(encoding="utf-8")
    for wrong in (
        "version: 1\nentities: {orders: {columns: {nonsense: A}}}",
        "{",
        "version: 1\nentities: {orders: {select: 'drop table x'}}",
    ):
        with pytest.raises(KeepwellError):
            draft_mapping.write_text(draft, wrong)
    assert draft.mapping.read_text(encoding="utf-8") == before
    draft_mapping.write_text(draft, "version: 1\nentities: {orders: {select: 'select \"Order No\" order_id from rows'}}")
    assert draft_mapping.plain_or_none(draft) is None


def test_a_mapping_is_remembered_for_the_next_file_of_its_kind(shop: Shop) -> None:
    first, second = _mapped(shop), _upload(shop.workspace, SALES)
    draft_checks.map_values(first, "status", {"weird": "completed"})
    kept = draft_mapping.remember_mapping(first, shop.workspace, "../Shop Orders")
    assert kept == shop.workspace.mapping_folder / "shop-orders.yaml"
    draft_mapping.use_mapping(second, shop.workspace, "shop-orders.yaml")
    assert draft_checks.check(shop.workspace, shop.lake, second, shop.clock).entities == _checked(shop, first).entities
    with pytest.raises(WrongUseError):
        draft_mapping.use_mapping(second, shop.workspace, "../keepwell.toml")


def test_an_unreadable_file_is_named_as_people_call_it(shop: Shop) -> None:
    draft = _upload(shop.workspace, 'a,b\n1,"never closed\n', "Umsatz Oktober.csv")
    with pytest.raises(KeepwellError, match=r"Umsatz Oktober\.csv"):
        draft_mapping.look_at(draft)
