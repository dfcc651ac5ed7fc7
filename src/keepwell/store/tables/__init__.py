"""The tables of the store, one module for what changes together; importing this knows them all."""

from keepwell.store.tables import (
    accounts,
    alerts,
    appraisals,
    audit,
    health,
    pins,
    published_cards,
    repeats,
    reviews,
    schedules,
    segments,
    sign_in,
    targets,
    tokens,
    views,
    webhooks,
)
from keepwell.store.tables.table import Table

__all__ = [
    "Table",
    "accounts",
    "alerts",
    "appraisals",
    "audit",
    "health",
    "pins",
    "published_cards",
    "repeats",
    "reviews",
    "schedules",
    "segments",
    "sign_in",
    "targets",
    "tokens",
    "views",
    "webhooks",
]
