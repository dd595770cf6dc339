"""What lies in every bundle beside the evidence: how to check it with common tools, and what that means."""

from typing import Final

VERIFY_SH: Final = r"""#!/bin/sh
# Checks an unpacked evidence bundle with openssl and sha256sum alone:
#   sh verify.sh PUBLIC_KEY.pem          a document key that you trust, from outside this bundle
#   sh verify.sh --trust-bundled-key     the key inside the bundle: finds accidents, not forgeries
# It checks the manifest's signature, every file's hash, and that no file is missing or unlisted.
# `xase verify` checks all the rest: entries, chains, Merkle proofs, checkpoints, payloads.
# Exit codes: 0 verified, 2 wrong use, 6 verification failed, 7 could not be judged.
set -u
LC_ALL=C
export LC_ALL

fail() { echo "FAILED: $*" >&2; exit 6; }
unjudged() { echo "NOT JUDGED: $*" >&2; exit 7; }

case "${1:-}" in
    "" | -h | --help)
        sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
        exit 2 ;;
    --trust-bundled-key)
        key=
        echo "warning: trusting the key inside the bundle; this proves nothing about who made it" >&2 ;;
    -*) echo "unknown option $1" >&2; exit 2 ;;
    /*) key=$1 ;;
    *) key=$PWD/$1 ;;
esac

for tool in openssl sha256sum sed tr grep find sort cut cmp; do
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
echo "VERIFIED: the signature and every file's hash. For the rest, use: xase verify BUNDLE --key KEY"
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
  Everything, offline:           xase verify BUNDLE.zip --key KEYS.json
  Signature and hashes only:     unzip BUNDLE.zip -d bundle && sh bundle/verify.sh KEY.pem

WHAT THIS PROVES, IF IT VERIFIES
  Each entry was in the log when the checkpoint was signed, in this order, and nothing in it was
  changed since. What is disclosed of the payloads is what was committed to at the time.

WHAT IT CANNOT PROVE
  That what was recorded was true, or that everything that happened was recorded.
  That nobody was shown another history: only witnesses, or other copies of checkpoints, can tell.
  What happened after the checkpoint: a later erasure, intervention or revocation.
"""
