"""Buying until inactive: who still buys, and how often, when nobody says that they left."""
