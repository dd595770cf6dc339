"""From a fact to an append: commitments over salted parts, canonical pieces, an identifier."""

from collections.abc import Mapping
from typing import Any, Final

from xase.proof.canonical import canonical_values
from xase.proof.digest import commitment
from xase.proof.entry import Draft
from xase_server.domain.entries import Append, Effect, EntryType, Part, Stream
from xase_server.domain.errors import Refused
from xase_server.domain.principals import Principal
from xase_server.domain.randomness import random_bytes

SALT_BYTES: Final = 32
MAX_PART_BYTES: Final = 4_000_000
"""What a verifier of bundles takes on, less some room (docs/spec/evidence.md, section 7)."""


def make_append(
    *,
    identifier: str,
    type: EntryType,
    stream: Stream,
    principal: Principal,
    body: Mapping[str, Any],
    parts: Mapping[str, Any],
    effect: Effect | None,
    not_before_ms: int = 0,
    owner: str | None = None,
) -> Append:
    """An append whose entry holds `body` in clear and only salted commitments to `parts`.

    `owner` is the organisation that may read them, where it is not the principal's own.
    Source: docs/spec/evidence.md, section 3.
    """
    sealed = _seal_parts(parts)
    draft = Draft(
        type=type,
        id=identifier,
        stream=stream,
        actor={"organisation": principal.organisation, "key": principal.key_id},
        body=body,
        commitments={name: commitment(name, part.salt, part.canonical) for name, part in sealed.items()},
    )
    return Append(
        id=identifier,
        type=type,
        stream=stream,
        organisation=owner or principal.organisation,
        prepared=draft.prepare(),
        parts=sealed,
        effect=effect,
        not_before_ms=not_before_ms,
    )


def _seal_parts(parts: Mapping[str, Any]) -> dict[str, Part]:
    salts = random_bytes(SALT_BYTES * len(parts))
    return {
        name: Part(salts[n * SALT_BYTES : (n + 1) * SALT_BYTES], _bounded(name, content))
        for n, (name, content) in enumerate(canonical_values(parts).items())
    }


def _bounded(name: str, content: bytes) -> bytes:
    if len(content) > MAX_PART_BYTES:
        raise Refused(
            "payload_too_large", f"{name} may have at most {MAX_PART_BYTES} bytes", {"limit_bytes": MAX_PART_BYTES}
        )
    return content
