"""The inspector: parsers of client bytes, in processes of their own."""
