"""The client: how requests are made and answers read, in both colours."""
