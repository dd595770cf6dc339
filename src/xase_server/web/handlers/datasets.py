"""Datasets (docs/spec/api.md, section 3)."""

from collections.abc import Mapping
from typing import Final

from xase_server.domain.datasets import FileFormat
from xase_server.services.outcome import Outcome
from xase_server.web.answer import Answer, json_answer, outcome_answer, placed_answer
from xase_server.web.call import Call
from xase_server.web.pages import counted_answer, page_answer, read_stretch


async def register_dataset(call: Call) -> Answer:
    """A new dataset."""
    outcome = await call.services.datasets.register(call.who, call.body, call.once)
    return placed_answer(outcome, f"/v1/datasets/{outcome.body['dataset_id']}")


async def upload_data(call: Call) -> Answer:
    """Data for a dataset."""
    assert call.upload is not None, "the endpoint streams"
    format_, mode = call.query["format"] or _format_of(call), call.query["mode"]
    outcome = await call.services.datasets.upload(
        call.who,
        call.path["id"],
        call.upload.pieces(),
        lambda digest: call.once_of(digest, str(format_), mode),
        format=format_,
        mode=mode,
    )
    return _read_answer(outcome)


async def add_version(call: Call) -> Answer:
    """A version from a source."""
    return _read_answer(await call.services.datasets.add_version(call.who, call.path["id"], call.body, call.once))


async def list_datasets(call: Call) -> Answer:
    """The datasets that the caller may see."""
    stretch = read_stretch(call)
    rows, total = await call.services.datasets.list(call.who, call.query, stretch.limit, stretch.offset)
    return counted_answer(call, stretch, rows, total)


async def get_dataset(call: Call) -> Answer:
    """One dataset."""
    return json_answer(await call.services.datasets.get(call.who, call.path["id"]))


async def list_versions(call: Call) -> Answer:
    """A dataset's versions."""
    stretch = read_stretch(call)
    page = stretch.page(descending=True)
    rows, total, after = await call.services.datasets.versions(call.who, call.path["id"], page)
    return page_answer(call, stretch, rows, total, after)


async def get_schema(call: Call) -> Answer:
    """A dataset's fields."""
    return json_answer(await call.services.datasets.schema(call.who, call.path["id"]))


async def get_croissant(call: Call) -> Answer:
    """A dataset as catalogues read it."""
    answer = json_answer(await call.services.datasets.croissant(call.who, call.path["id"]))
    answer.media = b"application/ld+json"
    return answer


async def get_profile(call: Call) -> Answer:
    """What a dataset's values are like."""
    return json_answer(await call.services.datasets.profile(call.who, call.path["id"]))


async def get_budget(call: Call) -> Answer:
    """What answers about a dataset have cost."""
    return json_answer(await call.services.budgets.show(call.who, call.path["id"]))


async def change_dataset(call: Call) -> Answer:
    """Another description, other notes, another policy."""
    return outcome_answer(await call.services.datasets.change(call.who, call.path["id"], call.body, call.once))


async def archive_dataset(call: Call) -> Answer:
    """No new session from now on."""
    return outcome_answer(await call.services.datasets.archive(call.who, call.path["id"], call.once))


def _read_answer(outcome: Outcome) -> Answer:
    return outcome_answer(outcome, 202 if "progress" in outcome.body else 200)


def _format_of(call: Call) -> FileFormat | None:
    """What the media type says; None lets the content say it."""
    media = call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return FORMATS[media.decode("latin-1")]


FORMATS: Final[Mapping[str, FileFormat | None]] = {
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.arrow.file": "arrow",
    "application/x-ndjson": "ndjson",
    "text/csv": "csv",
    "application/octet-stream": None,
}
