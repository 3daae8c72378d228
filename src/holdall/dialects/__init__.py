"""One folder for each public face: ``routes`` take requests in, ``wire`` and ``errors`` speak the answers."""
