"""Requests that leave this server: webhooks' messages, and nothing else."""

from xase_server.outbound.courier import HttpCourier

__all__ = ["HttpCourier"]
