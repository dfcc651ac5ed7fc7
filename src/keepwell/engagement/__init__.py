"""What we do with customers."""
