"""The ports, made real: one folder for each, one module for each engine."""
