"""The proof kernel: canonical JSON, entries, Merkle proofs, checkpoints, bundles, verification.

Pure: bytes in, values out. No I/O, no clock, no logging; nothing here knows a server, a database or
a network. Server and offline verifier use the same kernel, against one written specification
(docs/spec/evidence.md) and published vectors (vectors/). Only `keys` imports cryptography.
"""
