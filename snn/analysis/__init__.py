"""The summary of a sweep, from what its runs wrote to disk: tables, effects, figures, a report.

Knows :mod:`snn.runs` alone, and so starts without torch.
"""
