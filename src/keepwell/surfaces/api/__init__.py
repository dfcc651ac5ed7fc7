"""The JSON API, for programs: the same objects as the pages."""
