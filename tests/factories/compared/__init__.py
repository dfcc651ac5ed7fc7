"""What stands on each page, beside what the command line and the API answer to the same question."""
