"""Who moved between two runs: from state to state, with those who came and those who went, in sums that add up."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from factories.surfaces import Surfaces
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.surfaces.cli.app import app


def an_order(customer: str, day: str, amount: float) -> dict[str, object]:
    return {
        "order_id": f"{customer}-{day}", "customer_id": customer, "ordered_at": f"{day} 10:00:00", "status": "completed", "amount": amount,
        "currency": "GBP",
    }  # fmt: skip


@pytest.fixture(scope="module", params=["en", "zh"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Surfaces:
    """In March ann has 800 of 1,000, bob 150, cem 50, eve nothing; in May dan came with 5,000 and eve was taken back."""
    made = Surfaces.made(tmp_path_factory.mktemp("moves"), currency="GBP", timezone="UTC", locale=request.param)
    made.bring("orders", [an_order("ann", "2026-03-01", 800), an_order("bob", "2026-03-02", 150), an_order("cem", "2026-03-03", 50)])
    made.bring("orders", [an_order("eve", "2026-03-04", 0)])
    mistaken = made.ask("imports")[-1]["import_id"]
    made.ask("refresh", "--as-of", "2026-03-31")
    made.ask("undo", mistaken)
    made.bring("orders", [an_order("dan", "2026-05-05", 5000)])
    made.ask("refresh", "--as-of", "2026-05-31")
    return made


def shown(site: Surfaces, *command: str) -> str:
    done = CliRunner().invoke(app, ["-w", str(site.folder), *command])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_everybody_is_in_one_move(site: Surfaces) -> None:
    """March: shares before are 0 %, 80 %, 95 %: A, B, C. May, of 6,000: dan 0 % A, ann 83 % B, bob 97 % C, cem C."""
    told = site.ask("transitions", "tier")
    assert {(r["from"], r["to"]): r["customers"] for r in told} == {
        ("A", "B"): 1, ("B", "C"): 1, ("C", "C"): 1, ("C", "(gone)"): 1, ("(came)", "A"): 1,
    }  # fmt: skip
    assert {(r["from"], r["to"]): r["share_of_from"] for r in told}["C", "C"] == 0.5
    assert {(r["since"], r["until"]) for r in told} == {("2026-03-31", "2026-05-31")}
    assert site.python.transitions("tier").to_json() == told
    by_day = site.python.transitions("tier", since=date(2026, 4, 15), until="2026-05-31")
    assert by_day.to_json() == told
    first, last = (r.run_id for r in site.python.runs())
    assert site.ask("transitions", "tier", "--from", first, "--to", last) == told


def test_stages_move_too(site: Surfaces) -> None:
    """On May 31 ann's only order is 91 days old, bob's 90, cem's 89: one of them is dormant, two are new still."""
    moves = {(m.before, m.after): m.customers for m in site.python.transitions("lifecycle")}
    assert moves == {("new", "new"): 2, ("new", "dormant"): 1, ("new", "(gone)"): 1, ("(came)", "new"): 1}


def test_the_table_is_in_the_workspaces_language_and_adds_up(site: Surfaces) -> None:
    lines = shown(site, "transitions", "tier").splitlines()
    assert lines[-1].split()[1:] == ["1", "1", "2", "1", "5"]
    is_chinese = str(site.python.place.settings.locale) == "zh"
    assert ("此前不在" in "".join(lines)) == is_chinese
    assert ("Not there before" in "".join(lines)) != is_chinese


def test_what_is_not_there_is_an_error_that_says_what_is(site: Surfaces, tmp_path: Path) -> None:
    ws = site.python
    first, last = (r.run_id for r in ws.runs())
    with pytest.raises(WrongUseError, match="no state named 'teir'") as error:
        ws.transitions("teir")
    assert error.value.hint == "Did you mean tier?"
    with pytest.raises(KeepwellError, match="no run named 'run_9'"):
        ws.transitions("tier", since="run_9")
    with pytest.raises(KeepwellError, match="No run looks from 2026-01-01 or earlier"):
        ws.transitions("tier", since="2026-01-01")
    with pytest.raises(WrongUseError, match="There is no day 2026-02-31"):
        ws.transitions("tier", since="2026-02-31")
    with pytest.raises(WrongUseError, match="is both ends"):
        ws.transitions("tier", since=last, until=last)
    with pytest.raises(WrongUseError) as error:
        ws.transitions("tier", since=last, until=first)
    assert error.value.hint == "Give the earlier run first."
    with pytest.raises(KeepwellError, match="holds no rfm_group") as refused:
        ws.transitions("rfm")
    assert f"keepwell model rfm --run {first}" in str(refused.value.hint)
    with pytest.raises(KeepwellError, match="Nothing has been computed yet"):
        Surfaces.made(tmp_path).python.transitions("tier")
