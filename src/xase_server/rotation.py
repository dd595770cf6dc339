"""Signing keys are replaced so that the log itself says which key comes next.

The entry that names the new key stands under a checkpoint of the old one; the entry after it, under
a checkpoint of the new one, says that it is in use. A rotation that was interrupted is finished by
running it again. Source: docs/spec/evidence.md, section 5.
"""

from typing import Final

from xase.proof.keys import DocumentVerifier, LogVerifier
from xase_server.core import Core, open_core
from xase_server.domain.entries import Stream, Unit
from xase_server.domain.ids import new_id
from xase_server.domain.keyring import Use
from xase_server.domain.principals import Principal
from xase_server.services.sealing import make_append
from xase_server.settings import Settings

_STREAM: Final = Stream("admin/operator")


def rotate_signing_key(settings: Settings, use: Use) -> str:
    """The id of the new key, in use and ledgered; nobody else may serve this home meanwhile.

    Raises Refused `unavailable` when the log cannot be appended to.
    """
    core = open_core(settings)
    try:
        origin = core.storage.read(lambda reads: reads.head()).log
        following = core.home.stage(use, origin)
        _say(core, use, following, "announced")
        core.home.adopt(use, origin, core.clock.now_ms())
    finally:
        core.close()
    core = open_core(settings)
    try:
        _say(core, use, following, "in_use")
    finally:
        core.close()
    return key_id(following)


def key_id(verifier: LogVerifier | DocumentVerifier) -> str:
    """The `kid` of `/.well-known/xase-signing-keys.json`."""
    return verifier.key_id.hex() if isinstance(verifier, LogVerifier) else verifier.key_id


def _say(core: Core, use: Use, following: LogVerifier | DocumentVerifier, phase: str) -> None:
    """COMMIT POINT of each half: an entry under the log key of that moment."""
    operator = Principal("operator", "key_operator", core.settings.admin_email, None, frozenset())
    body = {"use": use, "phase": phase, "key_id": key_id(following), "public_key": following.public_pem}
    append = make_append(
        identifier=new_id("evt"),
        type="signing_key_rotated",
        stream=_STREAM,
        principal=operator,
        body=body,
        parts={"principal": operator.email},
        effect=None,
    )
    core.ledger.append_now(Unit((append,)))
