"""What is done on a calendar: refreshes, reviews sent to people and channels, and each message on its way, exactly once."""
