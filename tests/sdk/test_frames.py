"""Arrow streams taken apart, whatever the chunks, and server-sent events."""

import contextlib
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xase
from xase._client.frames import Frames
from xase._client.server_sent import EventReader


def stream_of(batches):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for number, batch in enumerate(batches):
            writer.write_batch(batch, custom_metadata={b"batch_id": f"batch_{number}".encode()})
    return sink.getvalue()


def fed(content, size):
    frames = Frames()
    read = [each for at in range(0, len(content), size) for each in frames.feed(content[at : at + size])]
    return read, frames


@given(st.integers(1, 500), st.lists(st.lists(st.integers(0, 9) | st.none(), max_size=5), min_size=1, max_size=4))
def test_every_chunking_gives_the_same_batches(size, columns):
    batches = [pa.record_batch({"n": pa.array(column, pa.int64())}) for column in columns]
    read, frames = fed(stream_of(batches), size)
    assert [batch.to_pylist() for batch, _ in read] == [batch.to_pylist() for batch in batches]
    assert [said["batch_id"] for _, said in read] == [f"batch_{n}" for n in range(len(batches))]
    assert frames.is_complete


def test_dictionaries_are_kept_for_the_batches_that_need_them():
    column = pa.array(["a", "b", "a"]).dictionary_encode()
    batches = [pa.record_batch({"d": column}), pa.record_batch({"d": column.slice(1)})]
    read, _ = fed(stream_of(batches), 11)
    assert [batch.column(0).to_pylist() for batch, _ in read] == [["a", "b", "a"], ["b", "a"]]


@given(st.binary(min_size=9, max_size=200))
def test_no_bytes_escape_as_anything_but_our_own_error(content):
    with contextlib.suppress(xase.UnexpectedAnswer):
        list(Frames().feed(b"\xff\xff\xff\xff\x08\x00\x00\x00" + content))


def test_a_cut_stream_is_not_complete():
    content = stream_of([pa.record_batch({"n": [1]})])
    read, frames = fed(content[:-8], 64)
    assert (len(read), frames.is_complete) == (1, False)


EVENTS = b": comment\n\nid: 1\nevent: release\ndata: {\ndata: }\n\nretry: 5\ndata:x\r\n\r\nid: 3\ndata: y\r\rdata: cut"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_read_whatever_the_chunks(size):
    reader = EventReader()
    read = [each for at in range(0, len(EVENTS), size) for each in reader.feed(EVENTS[at : at + size])]
    assert read == ["{\n}", "x", "y"]


def test_an_event_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("xase._client.server_sent.MAX_EVENT", 10)
    with pytest.raises(xase.UnexpectedAnswer):
        list(EventReader().feed(b"data: " + b"x" * 20))
