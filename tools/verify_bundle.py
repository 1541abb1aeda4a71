"""Checks a bundle of tools.bundle: every byte, and that the model still answers as promised.

  python -m tools.verify_bundle --bundle=B.zip [--public_key=public.pem]

Needs numpy, flatbuffers, absl-py and the schema in ai-edge-litert; --public_key needs cryptography.
Exit code 0: as promised; 1: not, with the file that was changed; 2: the request cannot be served.
"""

import pathlib
from collections.abc import Callable

from absl import flags

from pipeline import bundle_check, stored_zip
from pipeline.errors import InputError
from tools import cli

_BUNDLE = flags.DEFINE_string("bundle", None, "The bundle.", required=True)
_PUBLIC_KEY = flags.DEFINE_string(
    "public_key", None, "Ed25519 public key (PEM) of whoever has to have signed it."
)


def main() -> None:
    """Checks --bundle and prints what was checked."""
    path = pathlib.Path(_BUNDLE.value)
    size_bytes = path.stat().st_size
    if size_bytes > stored_zip.MAX_BYTES:
        raise InputError(
            f"{path}: a bundle has at most {stored_zip.MAX_BYTES} bytes, got {size_bytes}"
        )
    verdict = bundle_check.check(path.read_bytes(), _verifier())
    for line in verdict.checks:
        print(f"ok  {line}")
    if not verdict.is_signed:
        print("not signed: whoever can write the file can replace all of it")
    elif not verdict.signature_checked:
        print("signed, but the signature was not checked: give --public_key")
    print(f"{path}: {verdict.num_files} files, model sha256 {verdict.model_sha256}")


def _verifier() -> Callable[[bytes, bytes], bool] | None:
    if _PUBLIC_KEY.value is None:
        return None
    try:
        from pipeline import signing
    except ImportError as error:
        raise InputError(
            f"--public_key needs the package cryptography: pip install cryptography ({error})"
        ) from error
    return signing.verifier(_PUBLIC_KEY.value)


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
