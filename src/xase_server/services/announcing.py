"""Which entries of the log a webhook is told of, and in which words (docs/spec/api.md, section 9).

An organisation is told of what it may read in its trail and, where it asked for an approval, of what
became of that. A message says ids, type and time; everything else its receiver asks for, with a key.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Decoder, decode

from xase.proof.canonical import canonical
from xase_server.domain.approvals import approval_ref
from xase_server.domain.webhooks import EVENTS, REPLAY, TEST
from xase_server.ports import Reads
from xase_server.services.documents import waiting_of
from xase_server.services.visibility import OwnStreams

_IDS: Final = (
    "session_id",
    "dataset_id",
    "dataset_version",
    "policy_id",
    "policy_version",
    "version",
    "approval_request_id",
    "record_id",
    "key_id",
    "webhook_id",
    "bundle_id",
)
"""What of an entry's body a message repeats."""


class _Placed(Struct):
    """What is looked at of every entry."""

    index: int
    id: str
    type: str
    stream: str
    time: str


_place: Final = Decoder(_Placed).decode


class Announced(Struct, frozen=True):
    """An entry that a webhook is told of; `event` is REPLAY for one that says what to send again: `message`."""

    index: int
    entry: str
    event: str
    message: str | None = None


class Announcer:
    """Finds what to tell one webhook, as one view of the store shows it."""

    def __init__(self, reads: Reads, organisation: str, webhook: str, events: Iterable[str]) -> None:
        self._reads = reads
        self._organisation = organisation
        self._webhook = webhook
        self._streams = OwnStreams(reads, organisation)
        self._by_type: dict[str, list[str]] = {TEST: [TEST], REPLAY: [REPLAY]}
        for name in events:
            self._by_type.setdefault(EVENTS[name].type, []).append(name)

    def announced(self, raw_entries: Sequence[bytes]) -> list[Announced]:
        """What of these entries is for the webhook, in their order."""
        placed = ((_place(raw), raw) for raw in raw_entries)
        found = (self._judge(place, raw) for place, raw in placed if place.type in self._by_type)
        return [each for each in found if each is not None]

    def _judge(self, place: _Placed, raw: bytes) -> Announced | None:
        body: dict[str, Any] = decode(raw)["body"]
        for name in self._by_type[place.type]:
            if name in {TEST, REPLAY}:
                wanted = body["webhook_id"] == self._webhook
            else:
                said = EVENTS[name].saying.items()
                wanted = all(body.get(field) == value for field, value in said) and self._may_know(place, body)
            if wanted:
                return Announced(place.index, place.id, name, body.get("delivery_id"))
        return None

    def _may_know(self, place: _Placed, body: Mapping[str, Any]) -> bool:
        request = body.get("approval_request_id")
        if request is None or place.type not in {"verdict", "approval"}:
            return self._streams.has(place.stream)
        row = self._reads.object(approval_ref(request))
        if row is None or not row.concerns(self._organisation):
            return False
        # who asks again while a request waits is given a verdict anew, but made no new request
        return place.type == "approval" or waiting_of(row).verdict == place.id


def payload(raw: bytes, event: str) -> bytes:
    """The body of the message: the same bytes each time it is sent."""
    entry = decode(raw)
    named = {name: entry["body"][name] for name in _IDS if name in entry["body"]}
    data = {"entry_id": entry["id"], "index": entry["index"], **named}
    return canonical({"type": event, "timestamp": entry["time"], "data": data})
