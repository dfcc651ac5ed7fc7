"""The door to protected rows: users, roles, sessions, tokens, audit."""
