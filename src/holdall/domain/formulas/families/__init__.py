"""Functions, family by family; each family ends in its rows of the table."""
