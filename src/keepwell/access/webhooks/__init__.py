"""Webhooks: events that other systems sign and send in, and events that we sign and send out (Standard Webhooks)."""
