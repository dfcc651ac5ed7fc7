"""Schedules, channels and messages: what the page lists is what the API and the command line list."""

from factories.compared.block import At, Compare
from factories.markup import Element
from factories.told import Told, same


def schedules(told: Told, at: At, block: Element) -> None:
    """Each schedule by its name, with who gets it and whether there is a next time."""
    found = told.get("schedules")
    same([s["name"] for s in told.ask("schedule", "list")], [s["name"] for s in found])
    lines = block.one("tbody").all("tr")
    assert len(lines) == len(found) > 0
    for line, one in zip(lines, found, strict=True):
        cells = [c.text for c in line.all("td")]
        assert cells[0] == one["name"]
        assert cells[3].replace("、", ", ") == (", ".join(r["name"] for r in one["recipients"]) or "—")
        assert (one["next_at"] is None) == (cells[4] in {"switched off", "已停用"})


def channels(told: Told, at: At, block: Element) -> None:
    """Each channel by its name."""
    found = told.get("channels")
    same([c["name"] for c in told.ask("channel", "list")], [c["name"] for c in found])
    assert [line.all("td")[0].text for line in block.one("tbody").all("tr")] == [c["name"] for c in found]
    assert found


def messages(told: Told, at: At, block: Element) -> None:
    """Each message, to whom it goes and how often it was tried."""
    found = told.get("messages")
    same([m["message_id"] for m in told.ask("schedule", "sent")], [m["message_id"] for m in found])
    lines = [[c.text for c in line.all("td")] for line in block.one("tbody").all("tr")]
    assert [(c[2], int(c[4])) for c in lines] == [(m["name"], m["tries"]) for m in found]
    assert found


def alerts(told: Told, at: At, block: Element) -> None:
    """What the person wants to be told of."""
    found = told.get("alerts")
    lines = block.one("tbody").all("tr")
    assert [line.one("a")["href"] for line in lines] == [f"/kpi/{a['kpi']}" for a in found]
    assert found


def notices(told: Told, at: At, block: Element) -> None:
    """What the person was told, with the numbers of the API; the words are those of the page's language."""
    found = told.get("notices")
    lines = block.all("li")
    assert [line["data-key"] for line in lines] == [n["notice_id"] for n in found]
    for line, one in zip(lines, found, strict=True):
        assert one["period"] in line.one("a").text or one["when"] == "target"
        if at.locale == "en":
            assert one["text"] in line.text
    assert found


BLOCKS: dict[tuple[str, str], Compare | str] = {
    ("/schedules", "table:schedules"): schedules,
    ("/schedules", "table:channels"): channels,
    ("/schedules", "table:messages"): messages,
    ("/inbox", "table:alerts"): alerts,
    ("/inbox", "list:notices"): notices,
}
