"""Scorecards: what is expected of KPIs, and how far a period came up to it."""
