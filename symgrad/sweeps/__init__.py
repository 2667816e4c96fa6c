"""Sweeps: one function over a grid of parameters, on any executor, resumable, with the same result everywhere."""

__all__: list[str] = []
