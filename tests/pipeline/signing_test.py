"""Ed25519 keys in PEM files."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pipeline import signing
from pipeline.errors import InputError

_PEM = serialization.Encoding.PEM


def _private(path, key, encryption=None):
    kind = serialization.PrivateFormat.PKCS8
    encryption = encryption or serialization.NoEncryption()
    path.write_bytes(key.private_bytes(_PEM, kind, encryption))
    return path


def _public(path, key):
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_key().public_bytes(_PEM, kind))
    return path


def test_the_vector_of_the_standard(tmp_path):
    """RFC 8032, section 7.1, test 2."""
    secret = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    signature = signing.signer(_private(tmp_path / "k.pem", key))(b"\x72")
    assert signature.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    verify = signing.verifier(_public(tmp_path / "p.pem", key))
    assert verify(signature, b"\x72")
    assert not verify(signature, b"\x73")
    assert not verify(bytes(64), b"\x72")
    other = signing.verifier(_public(tmp_path / "o.pem", ed25519.Ed25519PrivateKey.generate()))
    assert not other(signature, b"\x72")


def test_other_keys_are_refused(tmp_path):
    curve = ec.generate_private_key(ec.SECP256R1())
    edwards = ed25519.Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(b"secret")
    (tmp_path / "text").write_text("no key")
    for path in (
        _private(tmp_path / "ec.pem", curve),
        _private(tmp_path / "locked.pem", edwards, locked),
        _public(tmp_path / "public.pem", edwards),
        tmp_path / "text",
    ):
        with pytest.raises(InputError, match=r"needed an .*Ed25519 private key.*openssl genpkey"):
            signing.signer(path)
    for path in (_public(tmp_path / "ecp.pem", curve), _private(tmp_path / "k.pem", edwards)):
        with pytest.raises(InputError, match="needed an Ed25519 public key"):
            signing.verifier(path)
