"""The search: one conditional space, ask and tell on Optuna, pruning, budget.

The only driver of Optuna in the project. A trial's configuration is a flat mapping of full names:
``learner``, then ``<learner>.<parameter>``, then ``compress.<stage>`` and
``<compressor>.<parameter>``; only active parameters are in it.
"""
