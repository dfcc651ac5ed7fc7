"""Compute: SQL in named steps, run in one place. It is handed snapshots and knows no lake."""
