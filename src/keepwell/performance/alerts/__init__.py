"""Alerts: what somebody wants to be told of a KPI, found after each run, each thing once."""
