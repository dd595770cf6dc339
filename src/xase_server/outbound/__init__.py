"""Requests that leave this server: webhooks' messages, and nothing else."""

from xase_server.outbound.courier import HttpCourier, trusting

__all__ = ["HttpCourier", "trusting"]
