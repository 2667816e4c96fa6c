"""Calculus: exact consequences of a recurrence - its Jacobian, and values in any number system."""
