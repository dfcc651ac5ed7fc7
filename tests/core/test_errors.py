import pytest

from keepwell.core.errors import did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("ordrs", ["orders", "customers"], "Did you mean orders?"),
        ("GPB", ["GBP", "GIP", "GWP", "PAB"], "Did you mean GBP or PAB or GWP?"),
        ("zzz", ["a", "b"], "Known: a, b."),
        ("zzz", [], None),
    ],
)
def test_an_unknown_name_answers_with_the_nearest_the_same_letters_first(name: str, known: list[str], hint: str | None) -> None:
    assert did_you_mean(name, known) == hint
