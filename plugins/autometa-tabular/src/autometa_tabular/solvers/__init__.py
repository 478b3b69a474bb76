"""Solvers of penalised linear models, on plain arrays."""
