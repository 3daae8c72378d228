"""Books of one user: people and accounts, transactions between them, and what these are filed under."""
