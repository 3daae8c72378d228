"""The malware scanner and its rules."""
