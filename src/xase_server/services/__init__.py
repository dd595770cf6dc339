"""Use cases: what a caller can ask of the server. No framework, no SQL."""
