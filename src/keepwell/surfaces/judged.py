"""What measures and baselines of a back-test are called before readers; their codes stay in JSON."""

import re
from collections.abc import Callable

from keepwell.surfaces.words import dictionary

Say = Callable[[str], str]
FAMILIES = {
    "bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD", "nbd": "NBD", "sbg": "sBG", "kaplan_meier": "Kaplan–Meier",
}  # fmt: skip
# a code that ends in what it is measured of
OF = re.compile(r"(retention_month|sentiment_accuracy|sentiment_auc|r2)_(\w+)")


def measure_title(code: str, word: Say) -> str:
    """The words of a measure; a code without any is shown as it is."""
    family, _, measure = code.rpartition(".")
    if family:
        return word("measure_of").format(model=FAMILIES.get(family) or baseline_title(family, word), measure=measure_title(measure, word))
    found = OF.fullmatch(code)
    if found:
        of = f"of_{found[2]}"
        return word(f"measure_{found[1]}").format(of=word(of) if of in dictionary() else found[2])
    return _titled("measure", code, word)


def baseline_title(code: str, word: Say) -> str:
    """The words of a baseline."""
    return _titled("baseline", code, word)


def _titled(kind: str, code: str, word: Say) -> str:
    name = f"{kind}_{code}"
    return word(name) if name in dictionary() else code
