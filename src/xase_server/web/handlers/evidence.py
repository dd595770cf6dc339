"""Evidence and bundles (docs/spec/api.md, section 7)."""

from xase_server.web.answer import Answer, json_answer, outcome_answer
from xase_server.web.call import Call
from xase_server.web.pages import page_answer, read_stretch

ZIP = b"application/zip"


async def get_evidence(call: Call) -> Answer:
    """The entry behind an id, with its proof."""
    return json_answer(await call.services.evidence.show(call.who, call.path["id"]))


async def create_bundle(call: Call) -> Answer:
    """Make a bundle."""
    return outcome_answer(await call.services.bundles.create(call.who, call.body, call.once))


async def list_bundles(call: Call) -> Answer:
    """The organisation's bundles."""
    stretch = read_stretch(call)
    return page_answer(call, stretch, *await call.services.bundles.list(call.who, stretch.page(descending=True)))


async def get_bundle(call: Call) -> Answer:
    """One bundle's description."""
    return json_answer(await call.services.bundles.get(call.who, call.path["id"]))


async def download_bundle(call: Call) -> Answer:
    """One bundle's bytes."""
    download = await call.services.bundles.download(call.who, call.path["id"])
    name = b'attachment; filename="%b.zip"' % call.path["id"].encode()
    return Answer(
        media=ZIP,
        headers=[(b"content-disposition", name)],
        chunks=download.chunks,
        size=download.size,
        etag=b'"%b"' % download.sha256.encode(),
    )


async def verify_bundle(call: Call) -> Answer:
    """Verify a bundle, stored or sent."""
    if isinstance(call.body, bytes):
        return json_answer(await call.services.bundles.verify_upload(call.body))
    return json_answer(await call.services.bundles.verify(call.who, call.body.bundle_id))
