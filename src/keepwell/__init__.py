"""Keepwell: customer performance management."""
