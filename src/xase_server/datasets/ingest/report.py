"""What the converting process says, a line each on its standard output."""

from msgspec import Struct

from xase_server.ports.datasets import Found


class Read(Struct, frozen=True, tag="read"):
    """So far."""

    rows: int
    bytes: int


class Failed(Struct, frozen=True, tag="failed"):
    """The data cannot become a version."""

    message: str
    too_large: bool


class Done(Struct, frozen=True, tag="done"):
    """The files are there."""

    found: Found


class Ended(Struct, frozen=True, tag="ended"):
    """The process that did the job is gone: its exit code, or the number of the signal that ended it below zero."""

    code: int


Line = Read | Failed | Done | Ended
