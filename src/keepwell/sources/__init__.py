"""The outside world in: files read, mapped, checked, landed, and taken back."""
