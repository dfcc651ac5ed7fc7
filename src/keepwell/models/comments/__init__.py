"""What customers write: language, sentiment and topics of comments, on plain lists of texts; nothing here knows a workspace."""
