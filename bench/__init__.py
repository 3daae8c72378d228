"""Measures Holdall beside small references, in the same run: ``python -m bench``; see docs/reference/benchmarks.md."""
