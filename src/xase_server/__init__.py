"""The Xase server."""
