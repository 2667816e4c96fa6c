"""Language: what is studied - activations, norms, expressions, recurrences, the model zoo."""
