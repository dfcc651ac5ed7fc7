"""The CDNOW sample (2,357 customers who first bought in the first quarter of 1997), as the package ``lifetimes`` holds it."""

import importlib.resources
from datetime import date

import numpy as np

from keepwell.models.btyd.summary import Floats, Ints

CALIBRATED, UNTIL = date(1997, 9, 30), date(1998, 6, 30)


def rows() -> list[tuple[str, date, float]]:
    """Customer, day and amount of each purchase, in the order of the file."""
    text = (importlib.resources.files("lifetimes") / "datasets" / "CDNOW_sample.txt").read_text()
    found = [line.split() for line in text.splitlines() if line.strip()]
    return [(who, date(int(day[:4]), int(day[4:6]), int(day[6:])), float(amount)) for who, _, day, _, amount in found]


def log() -> dict[str, list[str] | list[date]]:
    """The purchases as columns."""
    found = rows()
    return {"customer_id": [r[0] for r in found], "ordered_on": [r[1] for r in found]}


def spend(*, with_first: bool = False) -> tuple[Ints, Floats]:
    """Of each customer of the calibration the repeat days and the mean amount of one; ``with_first`` wrongly counts the first day."""
    days: dict[str, dict[date, float]] = {}
    for who, day, amount in rows():
        if day <= CALIBRATED:
            of_customer = days.setdefault(who, {})
            of_customer[day] = of_customer.get(day, 0.0) + amount
    kept = [[v for _, v in sorted(d.items())][0 if with_first else 1 :] for d in days.values()]
    return np.array([len(v) for v in kept]), np.array([float(np.mean(v)) if v else 0.0 for v in kept])
