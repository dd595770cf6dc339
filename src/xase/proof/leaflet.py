"""What lies in every bundle beside the evidence: how to check it with common tools, and what that means."""

from typing import Final

VERIFY_SH: Final = r"""#!/bin/sh
# Checks an unpacked evidence bundle with openssl and sha256sum alone:
#   sh verify.sh PUBLIC_KEY.pem [LOG_KEY.pem]   keys that you trust, from outside this bundle
#   sh verify.sh --trust-bundled-key            the key inside the bundle: finds accidents, not forgeries
# It checks the manifest's signature, every file's hash, that no file is missing or unlisted, every
# entry's hash, the links of every stream and, with the log's key, the checkpoint's signature.
# `xase verify` checks all the rest: Merkle proofs, payloads, and whether the entries make sense.
# Exit codes: 0 verified, 2 wrong use, 6 verification failed, 7 could not be judged.
set -u
LC_ALL=C
export LC_ALL

fail() { echo "FAILED: $*" >&2; exit 6; }
unjudged() { echo "NOT JUDGED: $*" >&2; exit 7; }
verified() {
    echo "Left to xase verify: the archive's own form, whether the log's name is the key's, the Merkle proofs of"
    echo "inclusion and consistency, witnesses, the payloads' commitments, signatures of interventions, and whether"
    echo "sessions, policies and times make sense"
    echo "VERIFIED: $*. For the rest, use: xase verify BUNDLE --key KEY"
    exit 0
}

case "${1:-}" in
    "" | -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
        exit 2 ;;
    --trust-bundled-key)
        key=
        echo "warning: trusting the key inside the bundle; this proves nothing about who made it" >&2 ;;
    -*) echo "unknown option $1" >&2; exit 2 ;;
    /*) key=$1 ;;
    *) key=$PWD/$1 ;;
esac
case "${2:-}" in
    "" | /*) log_key=${2:-} ;;
    *) log_key=$PWD/$2 ;;
esac

for tool in openssl sha256sum sed tr grep find sort cut cmp awk head tail od xargs; do
    command -v "$tool" >/dev/null 2>&1 || unjudged "the tool $tool is not installed"
done
cd "$(dirname "$0")" || unjudged "cannot enter the bundle's folder"
[ -n "$key" ] || key=$PWD/signatures/public-key.pem
[ -r "$key" ] || unjudged "cannot read the key $key"
[ -f manifest.json ] || unjudged "there is no manifest.json here"
[ -f signatures/bundle.sig ] || fail "there is no signature"
openssl pkey -pubin -in "$key" -noout 2>/dev/null || unjudged "$key is not a public key in PEM"

openssl dgst -sha256 -verify "$key" -signature signatures/bundle.sig manifest.json >/dev/null 2>&1 ||
    fail "signatures/bundle.sig is not this key's signature over manifest.json"
echo "manifest.json: signed by this key"

work=$(mktemp -d) || unjudged "cannot make a temporary folder"
trap 'rm -rf "$work"' EXIT
tr '{}' '\n\n' <manifest.json |
    sed -n 's/^"path":"\([A-Za-z0-9._/-]*\)","sha256":"\([0-9a-f]\{64\}\)"$/\2  \1/p' >"$work/sums"
[ -s "$work/sums" ] || fail "the manifest lists no files"
sha256sum -c "$work/sums" || fail "a file is missing or is not the one that was signed"

{ cut -c67- "$work/sums"; echo manifest.json; echo signatures/bundle.sig; } | sort >"$work/listed"
find . ! -type d | sed 's/^\.\///' | sort >"$work/found"
cmp -s "$work/listed" "$work/found" || {
    grep -v -x -F -f "$work/listed" "$work/found" >&2
    fail "there are files here that the manifest does not list"
}

# Entries: the hash of each is SHA-256 over a zero byte and its line (docs/spec/evidence.md, section 3).
mkdir "$work/entries"
number=0
while IFS= read -r line; do
    number=$((number + 1))
    { printf '\000'; printf '%s' "$line"; } >"$work/entries/$(printf '%09d' $number)"
done <entries.ndjson
(cd "$work/entries" && find . -type f | sort | xargs sha256sum) </dev/null | cut -c1-64 >"$work/hashes"
[ $number -gt 0 ] || : >"$work/hashes"
sed -n 's/.*"leaves":\[\([^]]*\)\].*/\1/p' proofs.json | tr -d '"' | tr ',' '\n' | awk NF >"$work/leaves"
cmp -s "$work/hashes" "$work/leaves" || fail "an entry's hash is not the one that the proofs are about"
echo "entries.ndjson: $number entries, each with the hash that the proofs are about"

# Streams: each entry names the hash of the one before it. In a selection some may be left out between.
link='"previous_hash":"sha256:\([0-9a-f]*\)","sequence":\([0-9]*\),"stream":"\([^" ]*\)"'
ending='"time":"[^"]*","type":"[a-z_]*","v":1}$'
sed -n "s/^.*$link,$ending/\1 \2 \3/p" entries.ndjson >"$work/links"
[ "$(grep -c '' "$work/links")" -eq $number ] || unjudged "an entry is of a form unknown here"
whole=$(grep -c '"completeness":"range"' manifest.json)
awk -v whole="$whole" '
    NR == FNR { hash[FNR] = $1; next }
    {
        first = !($3 in last)
        gap = !first && $2 > place[$3] + 1 && !whole && $3 !~ /^session\//
        begins = $2 == 0 && $1 ~ /^0+$/
        wrong = first ? ($2 == 0) != ($1 ~ /^0+$/) : gap ? 0 : $2 != place[$3] + 1 || $1 != last[$3]
        if (first && $3 ~ /^session\// && !begins) wrong = 1
        if (wrong) { print "entry " FNR " does not follow the one before it in " $3; exit 1 }
        last[$3] = hash[FNR]; place[$3] = $2
    }' "$work/hashes" "$work/links" >&2 || fail "a stream is broken"
echo "entries.ndjson: the streams are unbroken"

# The checkpoint: a signed note; the text before the empty line is what was signed, by Ed25519.
if [ -z "$log_key" ]; then
    echo "checkpoint: NOT CHECKED, no log key was given"
    verified "signature, files, entries and streams"
fi
openssl pkey -pubin -in "$log_key" -noout 2>/dev/null || unjudged "$log_key is not a public key in PEM"
openssl pkeyutl -help 2>&1 | grep -q rawin || unjudged "this openssl cannot check Ed25519 signatures"
sed '/^$/,$d' checkpoint >"$work/note"
origin=$(head -n 1 checkpoint)
key_id=$({ printf '%s\n\001' "$origin"; openssl pkey -pubin -in "$log_key" -outform DER | tail -c 32; } |
    sha256sum | cut -c1-8)
signed=0
sed -n '/^$/,$p' checkpoint | sed -n 's/^— \([^ ]*\) \([A-Za-z0-9+/=]*\)$/\1 \2/p' >"$work/signatures"
while read -r name text; do
    printf '%s' "$text" | openssl base64 -d -A >"$work/signature"
    id=$(head -c 4 "$work/signature" | od -An -tx1 | tr -d ' \n')
    [ "$name" = "$origin" ] && [ "$id" = "$key_id" ] || continue
    tail -c +5 "$work/signature" >"$work/ed25519"
    openssl pkeyutl -verify -pubin -inkey "$log_key" -rawin -in "$work/note" -sigfile "$work/ed25519" \
        >/dev/null 2>&1 || fail "the checkpoint's signature is not this log key's"
    signed=1
done <"$work/signatures"
[ $signed -eq 1 ] || fail "the checkpoint is not signed by this log key"
root=$(sed -n 3p checkpoint | openssl base64 -d -A | od -An -tx1 | tr -d ' \n')
grep -q "\"merkle_root\":\"sha256:$root\"" manifest.json || fail "the manifest names another root"
grep -q "\"checkpoint_size\":$(sed -n 2p checkpoint)[,}]" manifest.json || fail "the manifest names another size"
echo "checkpoint: signed by this log key in the name of $origin"
verified "signatures, files, entries and streams"
"""

README_TXT: Final = """\
This is an evidence bundle: entries of a tamper-evident ledger, with the proofs that belong to them.

WHAT IS HERE
  report.html          the same evidence for people; it proves nothing by itself
                       (report.pdf, if it was asked for, says the same)
  manifest.json        what the bundle is, what it covers, and the hash of every file in it
  entries.ndjson       the ledger's entries, one a line, exactly as they were hashed
  proofs.json          Merkle proofs that each entry is in the log, and that the log only grew
  checkpoint           the log's signed head; checkpoint_start an earlier one, if the scope has a start
  session.json, policy.json, authorization.json, usage.json
                       of sessions: who was allowed what, and what was used; each repeats an entry
  operations/ records/ what was done with data, and what left, a line each
  payloads/            what is disclosed of the payloads, with the salts that tie it to the entries
  signatures/          the signature over manifest.json; certificate and key are for convenience only

HOW TO CHECK IT
  You need the public keys from a source you trust. The keys inside the bundle prove nothing.
  1. Everything, offline, with the verifier of Xase (pip install xase):
         xase verify BUNDLE.zip --key KEYS.json
     The archive's form, signatures, hashes, streams, Merkle proofs, payloads, and whether the
     entries make sense together: the ten steps of the evidence format.
  2. The same by a program that shares no code with Xase: second_verifier.py, one file in the
     folder vectors of Xase's sources. It needs Python and openssl, nothing else.
  3. What openssl and sha256sum can say, without any of these:
         unzip BUNDLE.zip -d bundle && sh bundle/verify.sh DOCUMENT_KEY.pem LOG_KEY.pem
     The manifest's and the checkpoint's signature, every file's and every entry's hash, and that
     each entry follows the one before it in its stream. Not the Merkle proofs, not the payloads,
     and not whether the entries make sense. Without LOG_KEY.pem not the checkpoint's signature.

WHAT THIS PROVES, IF IT VERIFIES
  Each entry was in the log when the checkpoint was signed, in this order, and nothing in it was
  changed since. What is disclosed of the payloads is what was committed to at the time.

WHAT IT CANNOT PROVE
  That what was recorded was true, or that everything that happened was recorded.
  That nobody was shown another history: only witnesses, or other copies of checkpoints, can tell.
  What happened after the checkpoint: a later erasure, intervention or revocation.
"""
