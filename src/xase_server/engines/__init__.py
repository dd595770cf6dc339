"""What runs queries: the same nodes, the same answers, whichever engine."""
