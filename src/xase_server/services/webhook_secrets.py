"""The secrets of webhooks: derived from a master key, none is in the database (docs/spec/api.md, section 9)."""

from collections.abc import Sequence
from typing import Final

from xase.proof.canonical import canonical
from xase.proof.keys import derive_key
from xase.proof.webhook import format_secret, sign
from xase_server.domain.errors import unavailable
from xase_server.domain.webhooks import SecretName, StoredWebhook
from xase_server.transforms.keys import Masters

_BYTES: Final = 32


class WebhookSecrets:
    """HKDF-SHA256 of the master key that a secret names; the derivation names the webhook and the secret's number.

    Raises `unavailable` where this server does not have that master key.
    """

    def __init__(self, masters: Masters) -> None:
        self._masters = masters

    def name(self, number: int) -> SecretName:
        """The name of a secret made now."""
        return SecretName(number, self._masters.current)

    def secret(self, webhook: str, name: SecretName) -> str:
        """`whsec_…`, as its receiver is given it."""
        return format_secret(self._key(webhook, name))

    def headers(self, webhook: str, stored: StoredWebhook, message_id: str, body: bytes, now_ms: int) -> dict[str, str]:
        """The headers of a message sent now; while two secrets count there are two signatures."""
        seconds = now_ms // 1000
        keys = [self._key(webhook, name) for name in _in_force(stored, now_ms)]
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(sign(key, message_id, seconds, body) for key in keys),
        }

    def _key(self, webhook: str, name: SecretName) -> bytes:
        try:
            master = self._masters.named(name.master)
        except LookupError:
            raise unavailable("This server does not have the master key of the webhook's secret") from None
        named = {"format": "xase.webhook-secret", "webhook": webhook, "number": name.number}
        return derive_key(master, canonical(named), _BYTES)


def _in_force(stored: StoredWebhook, now_ms: int) -> Sequence[SecretName]:
    """The newest first."""
    if stored.old_secret is None or now_ms >= stored.old_until_ms:
        return (stored.secret,)
    return (stored.secret, stored.old_secret)
