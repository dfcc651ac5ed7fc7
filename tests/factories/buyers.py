"""A shop whose customers buy at rates of their own until they leave, each from one half of the products."""

from datetime import date, timedelta
from typing import Any

import numpy as np

TODAY, FIRST = date(2026, 5, 31), date(2024, 8, 1)
CUSTOMERS = 700
PRODUCTS = 12


def orders(seed: int = 21) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Orders and their lines of customers who buy until they leave, until the end of May 2026."""
    rng = np.random.default_rng(seed)
    rate, leaves, spend = rng.gamma(1.0, 1 / 40.0, CUSTOMERS), rng.beta(1.0, 6.0, CUSTOMERS), rng.gamma(5.0, 12.0, CUSTOMERS)
    found: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for c in range(CUSTOMERS):
        day = float(rng.integers(0, 600))
        while day <= (TODAY - FIRST).days:
            number = f"o{len(found)}"
            moment = f"{FIRST + timedelta(days=int(day))} 12:00:00"
            amount = round(float(rng.gamma(3.0, spend[c] / 3.0)) + 1, 2)
            order = {
                "order_id": number,
                "customer_id": f"c{c:04}",
                "ordered_at": moment,
                "status": "completed",
                "amount": amount,
                "margin": round(amount * 0.4, 2),
                "currency": "GBP",
            }
            found.append(order)
            for k in range(2):
                product = int(rng.integers(0, PRODUCTS // 2)) * 2 + c % 2
                lines.append({"order_id": number, "line_no": k + 1, "product_id": f"p{product:02}", "quantity": 1, "unit_price": amount / 2, "amount": amount / 2, "ordered_at": moment, "customer_id": f"c{c:04}", "status": "completed", "currency": "GBP"})  # fmt: skip
            if rng.random() < leaves[c]:
                break
            day += float(rng.exponential(1 / rate[c]))
    return found, lines
