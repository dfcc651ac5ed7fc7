"""How people reach it: the command line, Python, and the refresh that both start."""
