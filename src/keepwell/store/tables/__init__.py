"""The tables of the store, one module for what changes together; importing this knows them all."""

from keepwell.store.tables import (
    accounts,
    appraisals,
    audit,
    pins,
    published_cards,
    repeats,
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
    "appraisals",
    "audit",
    "pins",
    "published_cards",
    "repeats",
    "segments",
    "sign_in",
    "targets",
    "tokens",
    "views",
    "webhooks",
]
