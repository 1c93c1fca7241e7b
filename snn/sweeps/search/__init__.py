"""Searches: points that a sampler draws one after another, from what earlier ones reached.

Needs Optuna, which the ``search`` extra installs; modules here import it when it is used.
"""
