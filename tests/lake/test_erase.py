"""Erasing a customer takes their words from every version, image and kept file, and leaves the statistics."""

from pathlib import Path

import pytest

from factories.shop import Shop
from keepwell.core.errors import KeepwellError
from keepwell.lake.erase import erase_customers

CUSTOMERS = "customer_id,kind,name,email,country\nann,person,{name},ann@example.com,DE\nbob,person,Bobby Ray,bob@example.com,FR\n"
CONTACTS = "contact_id,customer_id,name\nk1,ann,Annes Assistant\nk2,bob,Bobs Assistant\n"
TICKETS = (
    "ticket_id,customer_id,opened_at,kind,status,subject\n"
    "t1,ann,2026-05-01 10:00:00,question,open,Where is my secret parcel\nt2,bob,2026-05-02 10:00:00,question,open,Other matter\n"
)
ORDERS = "order_id,customer_id,ordered_at,status,amount,currency\n1,ann,2026-05-01 10:00:00,completed,10,GBP\n2,bob,2026-05-01 10:00:00,completed,20,GBP\n"
HERS = (b"Ann Lee", b"Ann Smith", b"ann@example.com", b"Annes Assistant", b"secret parcel")


def holding(folder: Path, words: tuple[bytes, ...]) -> list[str]:
    """Files in which one of the words can be read; Parquet's short pages of text are seen as they are."""
    return [str(p) for p in sorted(folder.rglob("*")) if p.is_file() and any(w in p.read_bytes() for w in words)]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.bring("customers", CUSTOMERS.format(name="Ann Lee"))
    shop.bring("contacts", CONTACTS)
    shop.bring("tickets", TICKETS)
    shop.bring("orders", ORDERS)
    # a second version, whose import keeps the first as a before-image, and a rejected row with her name
    shop.bring("customers", CUSTOMERS.format(name="Ann Smith") + "carl,alien,Ann Smith,,DE\n")
    return shop


def test_nothing_personal_of_the_erased_is_left_in_any_file(shop: Shop) -> None:
    assert holding(shop.lake.folder, HERS), "the words are there before, or the search finds nothing ever"
    erased = erase_customers(shop.lake, ["ann"], shop.clock)
    assert (erased.profiles, erased.texts, erased.files) == (2, 1, 1)
    assert holding(shop.lake.folder, HERS) == []


def test_others_and_the_facts_stay(shop: Shop) -> None:
    facts = shop.contents("customers", "orders", "tickets")
    erase_customers(shop.lake, ["ann"], shop.clock)
    assert shop.contents("customers", "orders", "tickets") == facts
    assert shop.rows("profiles", "person", "id", "name") == [("contact", "k2", "Bobs Assistant"), ("customer", "bob", "Bobby Ray")]
    assert shop.rows("texts", "row_key", "subject") == [("t2", "Other matter")]


def test_erasure_is_listed_and_cannot_be_undone_nor_do_older_undos_bring_words_back(shop: Shop) -> None:
    second = shop.lake.changes()[-1]
    erased = erase_customers(shop.lake, ["ann"], shop.clock)
    with pytest.raises(KeepwellError, match="can't be undone"):
        shop.undo(erased.record.import_id)
    shop.undo(second.import_id)
    assert holding(shop.lake.folder, HERS) == []


def test_erasing_twice_or_somebody_unknown_removes_nothing_more(shop: Shop) -> None:
    erase_customers(shop.lake, ["ann"], shop.clock)
    again = erase_customers(shop.lake, ["ann", "nobody"], shop.clock)
    assert (again.profiles, again.texts) == (0, 0)
