"""Keys: the log's Ed25519, the documents' RSA-3072, and the seal for secrets at rest.

The only module that imports cryptography. Keys are made here from the system's randomness; where
they are kept is the caller's business.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Final, Self

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from xase.proof.checkpoint import (
    COSIGNATURE,
    ED25519,
    check_name,
    format_vkey,
    note_key_id,
    parse_vkey,
)
from xase.proof.digest import sha256_digest

RSA_BITS: Final = 3072
_MIN_RSA_BITS: Final = 2048
_MAX_RSA_BITS: Final = 8192
_TIMESTAMP_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_SEAL_BYTES: Final = 32

_RAW: Final = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
_SPKI_PEM: Final = (
    serialization.Encoding.PEM,
    serialization.PublicFormat.SubjectPublicKeyInfo,
)
_SPKI_DER: Final = (
    serialization.Encoding.DER,
    serialization.PublicFormat.SubjectPublicKeyInfo,
)


class KeyMaterialError(ValueError):
    """The text is not a key of the kind that was asked for, or a sealed secret cannot be opened."""


def derive_key(master: bytes, info: bytes, length: int = 32) -> bytes:
    """A key for the purpose that `info` names: HKDF-SHA256 without a salt (RFC 5869). `master` is a random secret."""
    return HKDF(hashes.SHA256(), length, salt=None, info=info).derive(master)


def _private(pem: str | bytes) -> object:
    try:
        return serialization.load_pem_private_key(_octets(pem), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError("not an unencrypted private key in PEM") from error


def _public(pem: str | bytes) -> object:
    try:
        return serialization.load_pem_public_key(_octets(pem))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError("not a public key in PEM") from error


def _ed25519(pem: str | bytes) -> ed25519.Ed25519PrivateKey:
    key = _private(pem)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise KeyMaterialError("not an Ed25519 private key")
    return key


def _is_whole(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether each number of the key fits the others, as after any damage it does not.

    The library would also prove both primes prime, which takes a tenth of a second at every start; whoever could put
    other numbers there that fit holds the key anyway.
    """
    public, p, q, d = key.public_numbers, key.p, key.q, key.d
    return (
        min(p, q) > 1
        and public.n == p * q
        and (key.dmp1, key.dmq1) == (d % (p - 1), d % (q - 1))
        and {public.e * d % (p - 1), public.e * d % (q - 1)} == {1}
        and key.iqmp * q % p == 1
    )


def _octets(pem: str | bytes) -> bytes:
    return pem.encode() if isinstance(pem, str) else pem


def _private_pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


class LogVerifier:
    """One Ed25519 public key of a log, under the log's name (its origin)."""

    def __init__(self, name: str, public: bytes) -> None:
        self.name = check_name(name)
        self.public = public
        try:
            self._key = ed25519.Ed25519PublicKey.from_public_bytes(public)
        except ValueError as error:
            raise KeyMaterialError("not an Ed25519 public key") from error
        self.key_id = note_key_id(name, ED25519, public)

    @classmethod
    def from_vkey(cls, vkey: str) -> Self:
        """The key of a verifier line; raises NoteError or KeyMaterialError."""
        name, algorithm, public = parse_vkey(vkey)
        if algorithm != ED25519:
            raise KeyMaterialError("not an Ed25519 verifier key")
        return cls(name, public)

    @classmethod
    def from_pem(cls, name: str, pem: str | bytes) -> Self:
        """The key of a PEM public key, under `name`."""
        key = _public(pem)
        if not isinstance(key, ed25519.Ed25519PublicKey):
            raise KeyMaterialError("not an Ed25519 public key")
        return cls(name, key.public_bytes(*_RAW))

    @property
    def vkey(self) -> str:
        """The verifier line: name+key id+key."""
        return format_vkey(self.name, ED25519, self.public)

    @property
    def public_pem(self) -> str:
        """The key as PEM."""
        return self._key.public_bytes(*_SPKI_PEM).decode()

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class WitnessVerifier:
    """One Ed25519 public key of a witness that cosigns checkpoints with a time (cosignature/v1)."""

    def __init__(self, name: str, public: bytes) -> None:
        self._inner = LogVerifier(name, public)
        self.name = name
        self.public = public
        self.key_id = note_key_id(name, COSIGNATURE, public)

    @classmethod
    def from_vkey(cls, vkey: str) -> Self:
        """The key of a verifier line; raises NoteError or KeyMaterialError."""
        name, algorithm, public = parse_vkey(vkey)
        if algorithm != COSIGNATURE:
            raise KeyMaterialError("not a witness's verifier key")
        return cls(name, public)

    @property
    def vkey(self) -> str:
        """The verifier line: name+key id+key."""
        return format_vkey(self.name, COSIGNATURE, self.public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (time ‖ Ed25519) is this witness's over the note body `message`."""
        time = int.from_bytes(signature[:_TIMESTAMP_BYTES], "big")
        return self._inner.verify(_cosigned(message, time), signature[_TIMESTAMP_BYTES:])


def _cosigned(message: bytes, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (time, message)


class LogSigner:
    """A log's Ed25519 private key, under the log's name (its origin)."""

    def __init__(self, name: str, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = LogVerifier(name, key.public_key().public_bytes(*_RAW))
        self.name = name
        self.key_id = self.verifier.key_id

    @classmethod
    def generate(cls, name: str) -> Self:
        """A new key."""
        return cls(name, ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, name: str, pem: str | bytes) -> Self:
        """The key kept by `to_pem`; raises KeyMaterialError."""
        return cls(name, _ed25519(pem))

    def to_pem(self) -> str:
        """The private key as unencrypted PKCS#8: a secret."""
        return _private_pem(self._key)

    @property
    def vkey(self) -> str:
        """The verifier line of the public half."""
        return self.verifier.vkey

    @property
    def public_pem(self) -> str:
        """The public half as PEM."""
        return self.verifier.public_pem

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature over `message`."""
        return self._key.sign(message)


class WitnessSigner:
    """A witness's Ed25519 private key that cosigns at one stated time (seconds since 1970)."""

    def __init__(self, name: str, key: ed25519.Ed25519PrivateKey, time: int) -> None:
        self._key = key
        self._time = time
        self.verifier = WitnessVerifier(name, key.public_key().public_bytes(*_RAW))
        self.name = name
        self.key_id = self.verifier.key_id

    @classmethod
    def from_pem(cls, name: str, pem: str | bytes, time: int) -> Self:
        """The witness of a PEM private key, cosigning at `time`."""
        return cls(name, _ed25519(pem), time)

    def sign(self, message: bytes) -> bytes:
        """Time ‖ signature over the note body `message`."""
        time = self._time.to_bytes(_TIMESTAMP_BYTES, "big")
        return time + self._key.sign(_cosigned(message, self._time))


class DocumentVerifier:
    """An RSA public key that signs manifests and interventions (PKCS #1 v1.5, SHA-256)."""

    def __init__(self, pem: str | bytes) -> None:
        key = _public(pem)
        if not isinstance(key, rsa.RSAPublicKey):
            raise KeyMaterialError("not an RSA public key")
        if not _MIN_RSA_BITS <= key.key_size <= _MAX_RSA_BITS:
            raise KeyMaterialError(f"an RSA key has {_MIN_RSA_BITS} to {_MAX_RSA_BITS} bits")
        self._key = key

    @cached_property
    def public_pem(self) -> str:
        """The key as PEM."""
        return self._key.public_bytes(*_SPKI_PEM).decode()

    @cached_property
    def key_id(self) -> str:
        """The first 16 hex digits of SHA-256 over the DER public key."""
        return sha256_digest(self._key.public_bytes(*_SPKI_DER))[7:23]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        try:
            self._key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


class DocumentSigner:
    """The RSA private key behind bundles and interventions; `openssl dgst -verify` checks it."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.verifier = DocumentVerifier(key.public_key().public_bytes(*_SPKI_PEM))

    @classmethod
    def generate(cls) -> Self:
        """A new RSA-3072 key; takes about a second."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))

    @classmethod
    def from_pem(cls, pem: str | bytes) -> Self:
        """The key kept by `to_pem`; raises KeyMaterialError."""
        key = _private(pem)
        if not isinstance(key, rsa.RSAPrivateKey) or not _is_whole(key.private_numbers()):
            raise KeyMaterialError("not an RSA private key")
        return cls(key)

    def to_pem(self) -> str:
        """The private key as unencrypted PKCS#8: a secret."""
        return _private_pem(self._key)

    @property
    def public_pem(self) -> str:
        """The public half as PEM."""
        return self.verifier.public_pem

    @property
    def key_id(self) -> str:
        """The first 16 hex digits of SHA-256 over the DER public key."""
        return self.verifier.key_id

    def sign(self, message: bytes) -> bytes:
        """The PKCS #1 v1.5 SHA-256 signature over `message`; the same each time."""
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def certificate_pem(self, name: str, not_before: datetime, not_after: datetime) -> str:
        """A self-signed certificate for tools that want one; the same bytes for the same arguments.

        `name` becomes the common name, cut to the 64 characters X.509 allows. It is a convenience:
        nothing in Xase trusts it.
        """
        from cryptography import x509  # a slow import, wanted only where bundles are made

        common = x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])
        subject = x509.Name([common])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self._key.public_key())
            .serial_number(int(self.key_id, 16) or 1)
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Seal:
    """AES-256-GCM for secrets at rest: what is sealed in one context opens only in that context."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _SEAL_BYTES:
            raise KeyMaterialError(f"a seal's key has {_SEAL_BYTES} bytes")
        self._cipher = AESGCM(key)

    @staticmethod
    def generate() -> bytes:
        """A new key: 32 random bytes, a secret."""
        return secrets.token_bytes(_SEAL_BYTES)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Nonce ‖ ciphertext ‖ tag; other bytes each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed; raises KeyMaterialError if the bytes, key or context are not the same."""
        if len(sealed) < _NONCE_BYTES:
            raise KeyMaterialError("the sealed secret is cut short")
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except InvalidTag as error:
            raise KeyMaterialError("the sealed secret does not open under this key") from error


class SmallSeal:
    """AES-256-SIV (RFC 5297) for many small secrets at rest, each of which has a context of its own.

    Nothing is drawn at random: the same secret in the same context is the same bytes, and one seal takes
    any number of secrets.
    """

    KEY_BYTES: ClassVar[int] = 64

    def __init__(self, key: bytes) -> None:
        if len(key) != self.KEY_BYTES:
            raise KeyMaterialError(f"a small seal's key has {self.KEY_BYTES} bytes")
        self._cipher = AESSIV(key)

    def seal(self, plain: bytes, context: Sequence[bytes]) -> bytes:
        """Tag ‖ ciphertext: 16 bytes more than what is sealed."""
        return self._cipher.encrypt(plain, list(context))

    def open(self, sealed: bytes, context: Sequence[bytes]) -> bytes:
        """What was sealed; raises KeyMaterialError if the bytes, key or context are not the same."""
        try:
            return self._cipher.decrypt(sealed, list(context))
        except InvalidTag as error:
            raise KeyMaterialError("the sealed secret does not open under this key") from error
