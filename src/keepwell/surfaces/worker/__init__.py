"""Long work: the refresh, in the order of the path."""
