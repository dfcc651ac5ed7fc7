"""Facts and results: entities as data, Delta tables, landing, undo, history, erasure, runs."""
