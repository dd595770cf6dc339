"""Forged bundles whose files, signatures or entries are false: what steps 0 to 3 must find.

What a stranger without keys changes fails at the first steps; the rest is the work of one who holds the document key.
"""

from scripts.forgery import FIRST, Forgery, forgery, honest_files, pack, story
from scripts.vectorlog import VectorLog, document_signer, ed25519_pem, log_signer, sign, signed, witness
from xase.proof import bundle
from xase.proof.archive import write_archive
from xase.proof.checkpoint import Signature, parse_note
from xase.proof.keys import LogSigner


def raw_member(name: str, data: bytes, files: dict[str, bytes]) -> bytes:
    """The archive with one more member, by a writer that writes anything."""
    spare = "z" * len(name)
    return write_archive(files | {spare: data}).replace(spare.encode(), name.encode())


# ---------------------------------------------------------------- 0. the archive


@forgery(0, "is damaged")
def flipped_byte() -> bytes:
    """One bit of an entry is flipped in the file."""
    data = bytearray(sign(honest_files()))
    data[data.index(b"credit-model-v2")] ^= 1
    return bytes(data)


@forgery(0, "two members have this name")
def two_files_of_one_name() -> bytes:
    """The archive holds entries.ndjson twice, the second time with other entries."""
    data = write_archive(signed(honest_files()) | {"entries.ndjsoo": b"{}\n"})
    return data.replace(b"entries.ndjsoo", b"entries.ndjson")


@forgery(0, "not a plain path")
def path_traversal() -> bytes:
    """A member's name climbs out of the folder it is unpacked into."""
    return raw_member("../evil", b"", signed(honest_files()))


@forgery(0, "not a plain path")
def absolute_path() -> bytes:
    """A member's name begins at the root of the file system."""
    return raw_member("/etc/evil", b"", signed(honest_files()))


@forgery(0, "is compressed")
def bomb() -> bytes:
    """A member is marked as compressed, and as much larger than it is."""
    files = signed(honest_files())
    data = bytearray(write_archive(files))
    at = data.index(b"PK\x01\x02")
    data[at + 10] = 8
    data[at + 24 : at + 28] = (2**31).to_bytes(4, "little")
    return bytes(data)


@forgery(0, "is not listed")
def unlisted_file() -> bytes:
    """A file is added that the signed manifest does not name."""
    return write_archive(signed(honest_files()) | {"payloads/more.ndjson": b"{}\n"})


@forgery(0, "listed in the manifest and missing")
def listed_file_missing() -> bytes:
    """A file that the signed manifest names is taken out."""
    files = signed(honest_files())
    del files[bundle.PARTS]
    return write_archive(files)


@forgery(0, "is not the one it should have")
def bytes_before_the_archive() -> bytes:
    """Something hides between the start of the file and what readers find from its end."""
    data = sign(honest_files())
    end = int.from_bytes(data[-6:-2], "little")
    return b"PK\x03\x04 hidden" + data[:-6] + (end + 11).to_bytes(4, "little") + data[-2:]


@forgery(0, "cut short", exit_code=7)
def truncated_file() -> bytes:
    """The download ended early."""
    return sign(honest_files())[:-100]


# ---------------------------------------------------------------- 1. the manifest


@forgery(1, "trusted document key's signature")
def resigned_by_an_unknown_key() -> bytes:
    """The manifest is changed and signed again, by a key nobody trusts."""
    return sign(honest_files(), document_signer("other-document"), bundle_id="bundle_ffffffffffffffff")


@forgery(1, "trusted document key's signature")
def key_substituted() -> bytes:
    """The key inside the bundle is the forger's own, and fits the forger's signature."""
    other = document_signer("other-document")
    files = honest_files() | {bundle.PUBLIC_KEY: other.public_pem.encode()}
    return sign(files, other, document_key=other.key_id)


@forgery(1, "is not the file that was signed")
def file_exchanged() -> bytes:
    """The report is another than the one the signed manifest names."""
    return write_archive(signed(honest_files()) | {bundle.REPORT: b"<title>All is well</title>\n"})


# ---------------------------------------------------------------- 2. the checkpoint


@forgery(2, "not signed by a trusted key")
def checkpoint_of_another_origin() -> bytes:
    """The checkpoint is a good one, but of another log."""
    log = VectorLog(origin="other.example/log")
    log.decide(FIRST)
    return pack(log)


@forgery(2, "not signed by a trusted key")
def checkpoint_by_another_key() -> bytes:
    """The checkpoint has the right origin and the signature of another key of that name."""
    other = LogSigner.from_pem(log_signer().name, ed25519_pem("xase vectors forger"))
    log = story()
    return pack(log, checkpoint=log.checkpoint(signers=[other]))


@forgery(2, "is false")
def checkpoint_signature_moved() -> bytes:
    """The log key's signature over one head stands under another."""
    log = story()
    note = parse_note(log.checkpoint(2))
    body = log.checkpoint().partition("\n\n")[0]
    return pack(log, checkpoint=f"{body}\n\n{note.signatures[0].line()}")


@forgery(2, "another checkpoint")
def manifest_of_another_checkpoint() -> bytes:
    """The manifest claims a larger log than the checkpoint signs."""
    return sign(honest_files(), checkpoint_size=99)


@forgery(2, "0 of 1 witnesses", quorum=1)
def witness_missing() -> bytes:
    """No witness has cosigned, and one is asked for."""
    return sign(honest_files())


@forgery(2, "is false", quorum=1)
def cosignature_moved() -> bytes:
    """The witness's signature over one head stands under another."""
    log = story()
    one = witness()
    other = one.sign(log.checkpoint(2).partition("\n\n")[0].encode() + b"\n")
    return pack(log, checkpoint=log.checkpoint() + Signature(one.name, one.key_id, other).line())


# ---------------------------------------------------------------- 3. entries


@forgery(3, "its hash is not the one")
def nested_field_changed() -> bytes:
    """A field deep inside an entry is changed, and the entry written canonically again."""
    files = honest_files()
    changed = files[bundle.ENTRIES].replace(b'"confidence":0.08', b'"confidence":0.98', 1)
    return sign(files | {bundle.ENTRIES: changed})


@forgery(3, "not in canonical form")
def entry_not_canonical() -> bytes:
    """An entry says the same in other bytes."""
    files = honest_files()
    return sign(files | {bundle.ENTRIES: files[bundle.ENTRIES].replace(b'"confidence":0.08', b'"confidence":0.080', 1)})


@forgery(3, "duplicate key")
def duplicate_key() -> bytes:
    """An entry says two things under one name; common readers see only the second."""
    files = honest_files()
    twice = files[bundle.ENTRIES].replace(b'"confidence":0.08', b'"confidence":0.08,"confidence":0.98', 1)
    return sign(files | {bundle.ENTRIES: twice})


FORGED_FILES: tuple[Forgery, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Forgery))
