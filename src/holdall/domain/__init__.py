"""What Holdall is about: pure values and decisions; no I/O, no clock, no randomness."""
