"""What is delivered: the Pareto front, and the ensemble that is never worse than its best part."""
