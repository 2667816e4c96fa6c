"""Remedies as derived bounds, and bounds solved for a parameter."""
