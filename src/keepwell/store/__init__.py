"""The operational database: what people do in Keepwell."""
