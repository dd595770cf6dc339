"""The HTTP face of the server: one table of endpoints, and the pipeline that every request runs through."""
