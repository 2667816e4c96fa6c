"""Presentation: LaTeX, text and plain data of every result."""
