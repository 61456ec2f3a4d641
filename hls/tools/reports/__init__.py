"""Parsers of the vendors' reports: text in, a dataclass out."""
