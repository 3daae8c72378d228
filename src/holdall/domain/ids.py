"""Public ids: a three-letter prefix and 21 random alphanumerics (contract bika, section 1)."""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
RANDOM_LENGTH = 21
"""125 bits: over the 120 that stored names need, so that nobody finds a file by guessing."""
