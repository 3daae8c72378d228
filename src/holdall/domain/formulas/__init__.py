"""Formulas: a small, safe language of expressions over the cells of one record (docs/reference/formulas.md).

``syntax`` reads a text into a ``tree``, whose nodes know how to evaluate themselves; the functions stand in a table,
family by family; ``definition`` ties a text to the fields of a database. Nothing loops, and all that grows is bounded.
"""
