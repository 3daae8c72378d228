"""The HTTP edge that every public face shares."""
