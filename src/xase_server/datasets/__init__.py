"""From files to immutable dataset versions, and reading them."""
