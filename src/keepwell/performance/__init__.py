"""How we manage: scorecards."""
