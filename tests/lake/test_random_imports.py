"""Any sequence of imports and undoings leaves what a plain model of the rules says."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.shop import Shop

IDS = ("a", "b", "c", "d")
# where a column of the file lies in the lake; name is personal and lies apart
OWN, APART = ("country", "city"), ("name",)
COLUMNS = OWN + APART
VALUES = (None, "X", "Y")


@dataclass(frozen=True)
class Row:
    """One row of a table: its values by column, and the import that wrote it."""

    values: tuple[tuple[str, str | None], ...]
    by: str


@dataclass
class Step:
    """One import or undoing: for each key the row before and the row after."""

    undoes: str | None = None
    is_undone: bool = False
    before: dict[tuple[str, str], Row | None] = field(default_factory=dict)
    after: dict[tuple[str, str], Row | None] = field(default_factory=dict)


class Model:
    """The rules of landing and undoing, on two dicts."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}  # (table, key) -> row
        self.steps: dict[str, Step] = {}

    def bring(self, name: str, file: dict[str, dict[str, str | None]]) -> None:
        step = self.steps[name] = Step()
        for key, told_of in file.items():
            for table, columns in (("own", OWN), ("apart", APART)):
                told = {c: v for c, v in told_of.items() if c in columns}
                held = self.rows.get((table, key))
                says_nothing = table == "apart" and not any(told.values())
                if held is None and says_nothing:
                    continue
                values = dict(held.values) if held else dict.fromkeys(columns)
                if held is None or any(values[c] != v for c, v in told.items()):
                    self._put(step, (table, key), Row(tuple((values | told).items()), name))

    def undo(self, name: str, target: str) -> None:
        step, undone = self.steps.setdefault(name, Step(undoes=target)), self.steps[target]
        self._note(target, is_undone=True)
        for place, replaced in undone.before.items():
            if self._who(self.rows.get(place)) == self._who(undone.after[place]):
                back = replaced
                while back is not None and self.steps[back.by].is_undone:
                    back = self.steps[back.by].before[place]
                self._put(step, place, back)

    def _note(self, name: str | None, *, is_undone: bool) -> None:
        # to undo an undoing brings the first step back, to undo that takes it away again
        while name:
            self.steps[name].is_undone = is_undone
            name, is_undone = self.steps[name].undoes, not is_undone

    def _put(self, step: Step, place: tuple[str, str], row: Row | None) -> None:
        held = self.rows.get(place)
        if held != row:
            step.before[place], step.after[place] = held, row
        if row is None:
            self.rows.pop(place, None)
        else:
            self.rows[place] = row

    def _who(self, row: Row | None) -> str | None:
        return row.by if row else None

    def table(self, name: str) -> list[tuple[str | None, ...]]:
        found = [(key, *(v for _, v in row.values), row.by) for (table, key), row in self.rows.items() if table == name]
        return sorted(found, key=str)


files = st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True).flatmap(
    lambda columns: st.dictionaries(st.sampled_from(IDS), st.fixed_dictionaries({c: st.sampled_from(VALUES) for c in columns}), min_size=1)
)
# a file, or the place among all steps so far of one to undo
actions = st.lists(st.one_of(files, files, st.integers(0, 9)), min_size=2, max_size=8)


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(actions)
def test_the_lake_holds_what_the_model_says(done: list[dict[str, dict[str, str | None]] | int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop, model = Shop(Path(folder)), Model()
        names: dict[str, str] = {}  # the model's name of a step -> the lake's
        for number, action in enumerate(done):
            name = f"step {number}"
            if not isinstance(action, int):
                rows = [{"customer_id": key, **values} for key, values in action.items()]
                names[name] = str(shop.bring_rows("customers", rows).import_id)
                model.bring(name, action)
            elif standing := [n for n, s in model.steps.items() if not s.is_undone]:
                target = standing[action % len(standing)]
                names[name] = shop.undo(names[target]).import_id
                model.undo(name, target)
            who = {lake_id: n for n, lake_id in names.items()}
            own = [(*row, who[by]) for *row, by in shop.rows("customers", "customer_id", *OWN, "batch_id")]
            apart = [(*row, who[by]) for *row, by in shop.rows("profiles", "id", *APART, "batch_id")]
            assert sorted(own, key=str) == model.table("own"), f"after {name}: {action}"
            assert sorted(apart, key=str) == model.table("apart"), f"after {name}: {action}"
