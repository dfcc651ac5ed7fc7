"""Targets: what a KPI shall come to by a day, how far it is, and how likely it gets there."""
