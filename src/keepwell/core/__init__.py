"""The ground: one small module per word, and nothing of ours imported."""
