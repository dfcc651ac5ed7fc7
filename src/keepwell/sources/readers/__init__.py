"""One module a file format; the contract is sources/reader.py."""
