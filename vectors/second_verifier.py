#!/usr/bin/env python3
"""A second verifier of evidence bundles: Python's standard library, and `openssl` for signatures.

    python3 second_verifier.py BUNDLE.zip KEYS.json [WITNESS.vkey]

KEYS.json is a server's /.well-known/xase-signing-keys.json, got by a way that you trust; with WITNESS.vkey that
witness must have cosigned. Written from docs/spec/evidence.md; shares no code with `xase verify`. Stops at the first
fault. Exit codes: 0 verified, 2 wrong use, 6 not. Stricter than the format where it makes no difference to honest
bundles: numbers that Python writes otherwise than ECMAScript are refused.
"""

import base64
import hashlib
import io
import json
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

RELEASING = ("release", "aggregate", "transform")
ENDINGS = ("session_closed", "access_revoked", "session_expired")
POLICY = ("policy_id", "policy_version", "policy_hash")
AGREED = ("dataset_id", "dataset_version", *POLICY, "guardrails", "purpose", "model_id")
SIGNED = ("actor_email", "evidence_urls", "metadata", "new_outcome", "reason")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{0,5}[1-9])?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ZERO = "sha256:" + "0" * 64
SPKI = bytes.fromhex("302a300506032b6570032100")


def need(holds, message):
    if not holds:
        raise ValueError(message)


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse(raw):
    value = json.loads(raw)
    need(jcs(value) == raw, "JSON that is not canonical")
    return value


def sha(data):
    return hashlib.sha256(data).digest()


def openssl(*arguments, **files):
    """Whether openssl says yes; a word `@name` stands for a file with those bytes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        words = [str(Path(folder) / word[1:]) if word.startswith("@") else word for word in arguments]
        return subprocess.run(["openssl", *words], capture_output=True, check=False).returncode == 0


def rsa(pem, message, signature):
    return openssl("dgst", "-sha256", "-verify", "@k", "-signature", "@s", "@m", k=pem.encode(), s=signature, m=message)


def ed25519(key, message, signature):
    der = ("pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "@k", "-sigfile", "@s", "-in", "@m")
    return openssl(*der, k=SPKI + key, s=signature, m=message)


# ---------------------------------------------------------------- 0 and 1: archive, manifest, hashes


def unzip(data):
    """The files, if the archive is the one archive of these files."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    need(all(NAME.fullmatch(name) for name in files), "a name leaves the archive")
    need(rezip(files) == data, "the archive is not the one archive of its files")
    return files


def rezip(files):
    body, directory = b"", b""
    for name in sorted(files):
        data, word = files[name], name.encode()
        common = struct.pack("<4H3I2H", 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(word), 0)
        directory += b"PK\1\2" + struct.pack("<2H", 0x0314, 20) + common
        directory += struct.pack("<3H2I", 0, 0, 0, 0o100644 << 16, len(body)) + word
        body += b"PK\3\4" + struct.pack("<H", 20) + common + word + data
    end = struct.pack("<4H2IH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def check_manifest(files, keys):
    manifest = parse(files["manifest.json"])
    need((manifest["format"], manifest["version"]) == ("xase-bundle", 1), "another format")
    need(manifest["completeness"] in {"range", "selection"}, "neither a range nor a selection")
    signature = files["signatures/bundle.sig"]
    need(any(rsa(key, files["manifest.json"], signature) for key in keys["document"]), "the manifest's signature")
    listed = {each["path"]: each["sha256"] for each in manifest["files"]}
    here = {name: data for name, data in files.items() if name not in {"manifest.json", "signatures/bundle.sig"}}
    need(listed.keys() == here.keys(), "files that the manifest does not list, or lists in vain")
    need(all(sha(data).hex() == listed[name] for name, data in here.items()), "a file that was not signed")
    need(all(each["hash"] == f"sha256:{listed[each['file']]}" for each in manifest["contents"]), "two hashes of a file")
    return manifest


# ---------------------------------------------------------------- 2: checkpoints


def open_note(text, keys):
    """Origin, size, root and the names that signed; every signature of a known key must hold."""
    body, _, rest = text.partition("\n\n")
    body += "\n"
    origin, size, root, *_ = body.split("\n")
    signers = set()
    for line in rest.splitlines():
        match = re.fullmatch("— (\\S+) (\\S+)", line)
        need(match, "a malformed signature line")
        name, signature = match[1], base64.b64decode(match[2], validate=True)
        key = keys["notes"].get((name, signature[:4]))
        if key is not None:
            need(holds(key, body.encode(), signature[4:]), f"the signature of {name} is false")
            signers.add(name)
    need(origin in signers, "no trusted log key signed the checkpoint")
    need(re.fullmatch("0|[1-9][0-9]*", size) and len(base64.b64decode(root)) == 32, "a malformed checkpoint")
    return origin, int(size), base64.b64decode(root), signers


def holds(key, body, signature):
    if key[0] == 1:
        return ed25519(key[1:], body, signature)
    seconds = int.from_bytes(signature[:8], "big")
    return ed25519(key[1:], b"cosignature/v1\ntime %d\n" % seconds + body, signature[8:])


# ---------------------------------------------------------------- 3 to 6: entries, streams, proofs


def read_entries(files, manifest):
    data = files["entries.ndjson"]
    need(not data or data.endswith(b"\n"), "a line without an end")
    raws = data.split(b"\n")[:-1]
    need(len(raws) == manifest["entry_count"], "another number of entries")
    entries = [parse(raw) for raw in raws]
    for raw, entry in zip(raws, entries, strict=True):
        need(entry["v"] == 1 and TIME.fullmatch(entry["time"]) and len(raw) <= 65535, "a malformed entry")
        entry["#"], entry["shown"] = "sha256:" + sha(b"\0" + raw).hex(), {}
    return entries


def check_streams(entries, completeness):
    ends = {}
    for before, after in pairwise(entries):
        need(before["index"] < after["index"], "entries out of order")
    for entry in entries:
        stream, number, link = entry["stream"], entry["sequence"], entry["previous_hash"]
        need((number == 0) == (link == ZERO), "a first entry that is none")
        whole = stream.startswith("session/")
        if stream not in ends:
            need(number == 0 or not whole, "a session's stream without its beginning")
        else:
            last, digest = ends[stream]
            may_skip = completeness == "selection" and not whole
            need(number == last + 1 or (may_skip and number > last), f"a gap or fork in {stream}")
            need(number > last + 1 or link == digest, f"a broken link in {stream}")
        ends[stream] = number, entry["#"]


def root_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1" + root_of(leaves[:middle]) + root_of(leaves[middle:]))


def check_inclusion(entries, proofs, size, root):
    hashes = {entry["index"]: bytes.fromhex(entry["#"][7:]) for entry in entries}
    need(proofs["tree_size"] == size, "a proof of another size")
    need(proofs["leaves"] == [entry["#"][7:] for entry in entries], "leaves that are not the entries'")
    need(not hashes or max(hashes) < size, "an entry behind the checkpoint")
    nodes = iter([bytes.fromhex(node) for node in proofs["nodes"]])

    def build(low, high):
        wanted = sum(low <= index < high for index in hashes)
        if not wanted:
            return next(nodes)
        if high - low == wanted:
            return root_of([hashes[index] for index in range(low, high)])
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        left = build(low, middle)
        return sha(b"\1" + left + build(middle, high))

    found = build(0, size) if size else sha(b"")
    need(found == root and next(nodes, None) is None, "entries that are not in the log")


def check_consistency(proof, first, second):
    """RFC 9162, 2.1.4.2."""
    (_, n, old, _), (_, m, new, _) = first, second
    need((proof["first"], proof["second"]) == (n, m) and n <= m, "a consistency proof of other sizes")
    path = [bytes.fromhex(node) for node in proof["nodes"]]
    if n in {0, m}:
        need(not path and (n == 0 or old == new), "a consistency proof that is not empty")
        return
    path = [old, *path] if n & (n - 1) == 0 else path
    fn, sn = n - 1, m - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for node in path[1:]:
        need(sn, "a consistency proof that is too long")
        if fn & 1 or fn == sn:
            fr, sr = sha(b"\1" + node + fr), sha(b"\1" + node + sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha(b"\1" + sr + node)
        fn, sn = fn >> 1, sn >> 1
    need((fr, sr, sn) == (old, new, 0), "the log does not extend its earlier checkpoint")


# ---------------------------------------------------------------- 8: disclosed parts


def open_parts(files, by_id):
    for line in files.get("payloads/parts.ndjson", b"").splitlines():
        part = parse(line)
        entry, name, salt = by_id[part["entry"]], part["part"], bytes.fromhex(part["salt"])
        need(name not in entry["shown"] and len(salt) == 32, "a part disclosed twice, or badly salted")
        made = sha(b"xase/commit/v1\n" + name.encode() + b"\0" + salt + jcs(part["value"])).hex()
        need(entry["commitments"].get(name) == f"sha256:{made}", f"{name} of {entry['id']} is not what it committed to")
        entry["shown"][name] = part["value"]


# ---------------------------------------------------------------- 7: the story


def ms(text):
    return datetime.fromisoformat(text)


def check_decisions(entries, by_id, keys, scope):
    need(all(by_id.get(name, {}).get("type") == "decision" for name in scope.get("record_ids", [])), "a record lacks")
    for entry in entries:
        body = entry["body"]
        record = by_id.get(body.get("record_id"))
        if entry["type"] not in {"intervention", "payload_erased"} or record is None:
            continue
        fits = record["type"] == "decision" and record["stream"] == entry["stream"]
        need(fits and record["index"] < entry["index"] and body["record_hash"] == record["#"], "a false follower")
        if entry["type"] == "payload_erased":
            need(not set(body["parts"]) & record["shown"].keys(), "an erased part is disclosed")
            continue
        need(ms(record["time"]) < ms(body["signed_at"]) <= ms(entry["time"]), "signed at another time")
        withheld = [name for name in SIGNED if name in entry["commitments"] and name not in entry["shown"]]
        if "signature" in entry["shown"] and not withheld:
            said = {name: entry["shown"][name] for name in SIGNED if name in entry["shown"]}
            said |= {name: body[name] for name in ("action", "record_hash", "record_id", "signed_at") if name in body}
            signature = base64.b64decode(entry["shown"]["signature"])
            need(any(rsa(key, jcs(said), signature) for key in keys["document"]), "an intervention's signature")


def numbers(text):
    """The record numbers of a portable 64-bit Roaring bitmap."""
    data, found = io.BytesIO(base64.b64decode(text, validate=True)), set()

    def read(form):
        (value,) = struct.unpack("<" + form, data.read(struct.calcsize(form)))
        return value

    for _ in range(read("Q")):
        high, cookie = read("I") << 32, read("I")
        runs = cookie & 0xFFFF == 12347
        count = (cookie >> 16) + 1 if runs else read("I")
        flags = data.read((count + 7) // 8) if runs else bytes((count + 7) // 8)
        heads = [(read("H"), read("H") + 1) for _ in range(count)]
        data.read(4 * count if not runs or count >= 4 else 0)
        for place, (key, size) in enumerate(heads):
            base = high + (key << 16)
            if flags[place // 8] >> place % 8 & 1:
                for _ in range(read("H")):
                    start, more = read("H"), read("H")
                    found.update(range(base + start, base + start + more + 1))
            elif size > 4096:
                bits = int.from_bytes(data.read(8192), "little")
                found.update(base + bit for bit in range(65536) if bits >> bit & 1)
            else:
                found.update(base + read("H") for _ in range(size))
    return found


def check_session(name, stream, by_id, gone):
    opening, first = stream[0], stream[0]["body"]
    need((opening["type"], opening["id"]) == ("session_opened", name), "a session without its opening")
    verdict = by_id[first["verdict"]]
    ruled = verdict["body"]
    need(verdict["type"] == "verdict" and ruled["outcome"] == "permit", "a session that nothing permits")
    need(verdict["index"] < opening["index"], "a verdict after the opening")
    need(all(ruled.get(each) == first.get(each) for each in (*AGREED, "contract_hash")), "another verdict")
    need(ms(first["opened_at"]) <= ms(opening["time"]) and first["opened_at"] < first["expires_at"], "its times")
    released, ended, hidden = set(), False, False
    for entry in stream:
        body, kind, shown = entry["body"], entry["type"], entry["shown"]
        need((body["session_id"], body["dataset_id"]) == (name, first["dataset_id"]), "sessions that are mixed")
        need(kind != "session_opened" or entry is opening, "a second opening")
        ended = ended or kind in ENDINGS
        if kind in RELEASING:
            need(not ended and ms(entry["time"]) < ms(first["expires_at"]), "data leaves when it may not")
            need(body["dataset_version"] == first["dataset_version"], "data of another version")
        if kind not in (*RELEASING, "operation"):
            continue
        need(not body["record_count"] or "records" in entry["commitments"], "counted and not committed to")
        found = numbers(shown["records"]) if "records" in shown else None
        need(found is None or len(found) == body["record_count"], "another count than the bitmap's")
        if kind == "operation":
            need(bool(body["unknown_count"]) == ("unknown" in entry["commitments"]), "unknown records")
            need(len(shown.get("unknown", [])) in {0, body["unknown_count"]}, "another count of unknown records")
            need(found is None or hidden or found <= released, "an operation on records never released")
            continue
        hidden = hidden or (found is None and "records" in entry["commitments"])
        released |= found or set()
        before = [each for at, *place, each in gone if at < entry["index"] and place == [body["dataset_id"], str(body["dataset_version"])]]
        need(not any(each & (found or set()) for each in before), "records of one who had withdrawn")


def check_sessions(entries, by_id, files, scope):
    streams = {}
    for entry in entries:
        if entry["stream"].startswith("session/"):
            streams.setdefault(entry["stream"][8:], []).append(entry)
    if not streams and not scope.keys() & {"session_id", "dataset_id"}:
        return
    need("session_id" not in scope or list(streams) == [scope["session_id"]], "another session than the scope's")
    gone = [
        (entry["index"], entry["body"]["dataset_id"], part[8:], numbers(value))
        for entry in entries
        if entry["type"] == "consent_withdrawn"
        for part, value in entry["shown"].items()
        if part.startswith("records.")
    ]
    for name, stream in streams.items():
        need(scope.get("dataset_id") in {None, stream[0]["body"]["dataset_id"]}, "another dataset than the scope's")
        check_session(name, stream, by_id, gone)
    check_cited(entries)
    check_budgets(entries, by_id)
    made = statements(entries, streams)
    for name, content in made.items():
        need(files.get(name, content if name.endswith("ndjson") else b"") == content, f"{name} does not repeat the entries")


def check_cited(entries):
    known, guardrails = {}, {}
    for entry in entries:
        body, kind = entry["body"], entry["type"]
        if kind == "guardrails_changed":
            guardrails[entry["stream"]] = entry
        elif kind == "policy_version":
            known[entry["stream"], body["policy_id"], body["version"]] = body["hash"]
            text = entry["shown"].get("document")
            need(text is None or body["hash"] == f"sha256:{sha(jcs(text)).hex()}", "another text of the policy")
        elif kind == "dataset_version":
            known[body["dataset_id"], body["version"]] = body["digest"]
        elif kind == "verdict":
            text = entry["shown"].get("contract")
            need(text is None or body["contract_hash"] == f"sha256:{sha(jcs(text)).hex()}", "another text of the contract")
            cited, named = body.get("guardrails", {"policies": []}), guardrails.get(entry["stream"], {})
            need(cited.get("entry") == named.get("id"), "a verdict without the guardrails in force")
            ids = [each["policy_id"] for each in cited["policies"]]
            need(ids == named.get("body", {}).get("policy_ids", []), "a verdict by other guardrails")
            for each in (body, *cited["policies"]):
                policy_id, version, digest = map(each.get, POLICY)
                need(known.get((entry["stream"], policy_id, version), digest) == digest, "another hash of the policy")
        elif kind == "session_opened":
            place = (body["dataset_id"], body["dataset_version"])
            need(known.get(place, body["dataset_digest"]) == body["dataset_digest"], "another dataset version")


def check_budgets(entries, by_id):
    """Noisy answers are paid for one after the other, never beyond the total of their policy."""
    policies, spent = {}, {}
    for entry in entries:
        body = entry["body"]
        if entry["type"] == "policy_version" and "document" in entry["shown"]:
            permits = [rule for rule in entry["shown"]["document"]["rules"] if rule.get("effect") == "permit"]
            totals = [rule.get("constrain", {}).get("epsilon_total") for rule in permits]
            policies[entry["stream"], body["policy_id"], body["version"]] = totals
        if entry["type"] != "aggregate":
            continue
        opening = by_id[body["session_id"]]["body"]
        place = (by_id[opening["verdict"]]["stream"], opening.get("policy_id"), opening.get("policy_version"))
        totals = policies.get(place, [])
        if "epsilon" not in body:
            need(not totals or None in totals, "an answer that nobody paid for")
            continue
        texts = [body[name] for name in ("epsilon", "epsilon_spent", "epsilon_total")]
        need(all(AMOUNT.fullmatch(text) for text in texts) and texts[0] != "0", "a price that is none")
        price, with_it, total = map(Decimal, texts)
        need(spent.get(body["dataset_id"], 0) + price <= with_it <= total, "a budget that is overdrawn")
        given = [Decimal(repr(each)) for each in totals if each is not None]
        need(not given or total <= max(given), "a larger budget than the policy's")
        spent[body["dataset_id"]] = with_it


def statements(entries, streams):
    """The files that repeat the entries, made again."""

    def said(entry):
        return {**entry["body"], "entry": entry["id"], "time": entry["time"]}

    def of(kind):
        return [entry for entry in entries if entry["type"] == kind]

    opened = {name: stream[0]["body"].get("verdict") for name, stream in streams.items()}
    verdicts = [said(e) | {"sessions": [n for n, verdict in opened.items() if verdict == e["id"]]} for e in of("verdict")]
    policies = [
        said(e) | ({"document": e["shown"]["document"]} if "document" in e["shown"] else {})
        for e in of("policy_version")
    ]
    rest = {"approvals": [*map(said, of("approval"))], "withdrawals": [*map(said, of("consent_withdrawn"))]}
    left = [entry for entry in entries if entry["type"] in RELEASING]
    return {
        "session.json": jcs({"sessions": [session(name, stream) for name, stream in streams.items()]}),
        "policy.json": jcs({"policies": policies}),
        "authorization.json": jcs({"verdicts": verdicts, **rest}),
        "usage.json": jcs({"sessions": [usage(name, stream) for name, stream in streams.items()]}),
        "operations/operations.ndjson": b"".join(jcs(said(e)) + b"\n" for e in of("operation")),
        "records/releases.ndjson": b"".join(jcs(released(entry)) + b"\n" for entry in left),
    }


def released(entry):
    return {
        **{name: entry[name] for name in ("time", "type")},
        "entry": entry["id"],
        "session_id": entry["stream"][8:],
        "record_count": entry["body"]["record_count"],
        "records": entry["commitments"].get("records"),
    }


def session(name, stream):
    ended = next((e for e in stream if e["type"] in ENDINGS), None)
    return {
        **stream[0]["body"],
        "session_id": name,
        "organisation": stream[0]["actor"]["organisation"],
        "entries": len(stream),
        "last_entry": stream[-1]["id"],
        "ended": ended and {"entry": ended["id"], "type": ended["type"], "time": ended["time"]},
    }


def usage(name, stream):
    left = [e for e in stream if e["type"] in RELEASING]
    claims = [e["body"] for e in stream if e["type"] == "operation"]
    days = {}
    for entry in left:
        day = days.setdefault(entry["time"][:10], {"day": entry["time"][:10], "releases": 0, "records": 0})
        day["releases"] += 1
        day["records"] += entry["body"]["record_count"]
    return {
        "session_id": name,
        **{f"{kind}s": sum(e["type"] == kind for e in stream) for kind in (*RELEASING, "operation")},
        "records_released": sum(e["body"]["record_count"] for e in left),
        "records_in_operations": sum(body["record_count"] for body in claims),
        "unknown_in_operations": sum(body["unknown_count"] for body in claims),
        "fields": sorted({field for e in left for field in e["body"]["fields"]}),
        "models": sorted({body["model_id"] for body in claims if "model_id" in body}),
        "days": list(days.values()),
        "first_release": left[0]["id"] if left else None,
        "last_release": left[-1]["id"] if left else None,
    }


# ---------------------------------------------------------------- all of it


def read_keys(text, witness):
    keys = {"document": [], "notes": {}, "witness": None}
    vkeys = [witness.strip()] if witness else []
    for key in json.loads(text)["keys"]:
        if key["use"] == "document":
            keys["document"].append(key["public_key"])
        elif key["use"] == "log":
            vkeys.append(key["vkey"])
    for vkey in vkeys:
        name, identifier, key = vkey.split("+", 2)
        keys["notes"][name, bytes.fromhex(identifier)] = base64.b64decode(key)
    keys["witness"] = witness and witness.split("+")[0]
    return keys


def verify(data, keys):
    """Raises an exception unless everything holds."""
    files = unzip(data)
    manifest = check_manifest(files, keys)
    head = open_note(files["checkpoint"].decode(), keys)
    origin, size, root, signers = head
    need(keys["witness"] is None or keys["witness"] in signers, "the witness has not cosigned")
    named = (manifest["log"], manifest["checkpoint_size"], manifest["merkle_root"])
    need(named == (origin, size, f"sha256:{root.hex()}"), "a manifest of another checkpoint")
    entries, proofs = read_entries(files, manifest), parse(files["proofs.json"])
    need(all(entry["log"] == origin for entry in entries), "an entry of another log")
    check_streams(entries, manifest["completeness"])
    check_inclusion(entries, proofs, size, root)
    need(("checkpoint_start" in files) == ("consistency" in proofs), "a consistency proof of nothing")
    if "checkpoint_start" in files:
        start = open_note(files["checkpoint_start"].decode(), keys)
        need(start[0] == origin, "an earlier checkpoint of another log")
        check_consistency(proofs["consistency"], start, head)
    by_id = {entry["id"]: entry for entry in entries}
    need(len(by_id) == len(entries), "an id that is used twice")
    need(all(a["time"] <= b["time"] for a, b in pairwise(entries)), "a clock that runs back")
    open_parts(files, by_id)
    check_decisions(entries, by_id, keys, manifest["scope"])
    check_sessions(entries, by_id, files, manifest["scope"])
    return len(entries)


def main(arguments):
    if len(arguments) not in {2, 3}:
        print(__doc__, file=sys.stderr)
        return 2
    data, text, *witness = [Path(name).read_bytes() for name in arguments]
    try:
        count = verify(data, read_keys(text.decode(), witness[0].decode() if witness else None))
    except Exception as fault:  # noqa: BLE001 - whatever cannot be read has not verified
        print(f"FAILED: {type(fault).__name__}: {fault}")
        return 6
    print(f"VERIFIED: {count} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
