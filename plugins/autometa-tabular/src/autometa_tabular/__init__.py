"""Learners and data adapters for tables."""
