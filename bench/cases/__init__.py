"""The five tables, one module each; every module has a ``run``."""
