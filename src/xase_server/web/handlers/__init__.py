"""From a checked call to a use case and back; one file per noun."""
