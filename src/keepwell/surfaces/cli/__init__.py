"""The command line: one module a group of commands, errors turned into exit statuses in one place."""
