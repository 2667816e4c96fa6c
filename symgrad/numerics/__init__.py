"""Numerics: simulation, products of Jacobians and verification against them."""
