"""The hypergeometric function as the models need it: in Euler's other form, without large exponents and without 0/0."""

import numpy as np

from keepwell.models.btyd.summary import Floats

PRECISION = 1e-15
MOST_TERMS = 200_000


def excess(a: float, q: float, c: Floats, z: Floats) -> Floats:
    """(1 − (1−z)^(a−1) · ₂F₁(a−1, q; c; z)) ÷ (a−1), by its series; at a = 1 its limit. ``z`` lies in [0, 1).

    With q = c − r − x and Euler's transformation this is the bracket of the expected purchases of BG/NBD over a − 1. Taking a − 1
    out of the series leaves nothing that cancels, for 5,000 purchases as for one.
    """
    c, z = np.broadcast_arrays(np.asarray(c, dtype=float), np.asarray(z, dtype=float))
    m = a - 1
    # where a customer is far likelier to leave than to buy it is the untransformed form that has the smaller exponents
    plain = c - q < m
    found = np.empty(len(c))
    found[plain] = _plain(m, (c - q)[plain], c[plain], z[plain])
    c, z = c[~plain], z[~plain]
    log_rest = np.log1p(-z)
    head = -np.expm1(m * log_rest) / m if abs(m) > 1e-12 else -log_rest
    found[~plain] = head - np.exp(m * log_rest) * _tail(a, q, c, z)
    return found


def _plain(m: float, p: Floats, c: Floats, z: Floats) -> Floats:
    """(1 − (1−z)^p · ₂F₁(p, c−m; c; z)) ÷ m, with p = r + x."""
    found: Floats = (1 - np.exp(p * np.log1p(-z)) * (1 + p * _tail(p + 1, c - m, c, z))) / m
    return found


def _tail(a: float | Floats, q: float | Floats, c: Floats, z: Floats) -> Floats:
    """(₂F₁(a−1, q; c; z) − 1) ÷ (a−1): Σ over n ≥ 1 of (a)_{n−1} (q)_n zⁿ ÷ ((c)_n n!)."""
    a, q, c, z = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (a, q, c, z)))
    term = q * z / c
    total = term.copy()
    running = np.arange(len(total))
    t, a_s, qs, cs, zs, sums = term, a, q, c, z, total.copy()
    for n in range(1, MOST_TERMS):
        t = t * ((a_s + n - 1) * (qs + n) / ((cs + n) * (n + 1))) * zs
        sums += t
        # what is still to come is at most a geometric series of this term
        is_done = np.abs(t) * zs <= PRECISION * (np.abs(sums) + 1e-300) * (1 - zs)
        # narrowing costs more than it saves until much of it is done
        if (n % 8 == 0 and is_done.any()) or is_done.all():
            total[running[is_done]] = sums[is_done]
            keep = ~is_done
            running, t, sums = running[keep], t[keep], sums[keep]
            a_s, qs, cs, zs = a_s[keep], qs[keep], cs[keep], zs[keep]
            if not len(running):
                return total
    total[running] = sums
    return total
