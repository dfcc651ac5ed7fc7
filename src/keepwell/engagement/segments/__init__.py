"""Segments: named rules that say which customers belong; an audience is who belongs on a day."""
