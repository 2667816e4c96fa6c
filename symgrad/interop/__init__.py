"""Interop: weights from files."""
