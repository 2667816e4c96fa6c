"""Rigour: enclosures of numbers, functions and matrices; knows nothing of networks."""
