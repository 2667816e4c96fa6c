"""Dynamics: fixed points, bifurcations, sensitivities, basins and walls of recurrent maps and flows."""
