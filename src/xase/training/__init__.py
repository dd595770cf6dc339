"""Training on a session's data: shares of a keyed order, and their state. Made by `session.dataset(…)`."""
