"""Reports and notices to people: written down once, sent by mail and to channels, each exactly once."""
