"""Appraisals: teams and people compared fairly, by what they do and not by whom they serve or by luck."""
