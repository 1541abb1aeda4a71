"""Ed25519 signatures of bytes, with keys in PEM files, by the `cryptography` package.

openssl genpkey -algorithm ed25519 -out key.pem
openssl pkey -in key.pem -pubout -out public.pem
"""

import os
import pathlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from pipeline.errors import InputError

_HOW = "make one with `openssl genpkey -algorithm ed25519 -out key.pem`"


def signer(path: os.PathLike[str] | str) -> Callable[[bytes], bytes]:
    """Returns what signs with the private key at `path`: message -> 64 bytes.

    Raises:
      InputError: The file holds no unencrypted Ed25519 private key in PEM.
      OSError: It cannot be read.
    """
    try:
        key = load_pem_private_key(pathlib.Path(path).read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path}: needed an unencrypted Ed25519 private key in PEM, got {error}; {_HOW}"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: needed an Ed25519 private key, got {type(key).__name__}; {_HOW}")
    return key.sign


def verifier(path: os.PathLike[str] | str) -> Callable[[bytes, bytes], bool]:
    """Returns what checks with the public key at `path`: (signature, message) -> is it right?

    Raises:
      InputError: The file holds no Ed25519 public key in PEM.
      OSError: It cannot be read.
    """
    try:
        key = load_pem_public_key(pathlib.Path(path).read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path}: needed an Ed25519 public key in PEM, got {error}; write one with "
            "`openssl pkey -in key.pem -pubout -out public.pem`"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: needed an Ed25519 public key, got {type(key).__name__}")
    public = key

    def verify(signature: bytes, message: bytes) -> bool:
        try:
            public.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify
