"""Evidence bundles."""

from typing import ClassVar

from xase.models.model import Facts, Model


class BundleState(Model):
    """An evidence bundle: what it covers, and how far its making is.

    `status` is PROCESSING, READY or FAILED; then `error` has `code`, the slug of an error, and `message`.
    """

    __slots__ = ()
    _kinds: ClassVar = {"scope": Facts, "error": Facts}

    bundle_id: str
    status: str
    created_at: str
    record_count: int | None
    entry_count: int | None
    size: int | None
    sha256: str | None
    download_url: str | None
    purpose: str | None
    format: str | None
    scope: Facts | None
    tree_size: int | None
    error: Facts | None

    @property
    def id(self) -> str:
        """The bundle's id, `bundle_…`."""
        return str(self.bundle_id)
