"""Is a bundle what it says? Answered by opening it, and by building it again.

Needs numpy, flatbuffers and LiteRT's generated schema (one Python file); a signature needs
`cryptography` too. In order, and the first failure ends it:

  1. the zip is canonical: every byte of it follows from names and contents (stored_zip.py);
  2. the manifest lists every file with its SHA-256;
  3. the signature, where a public key is given;
  4. the facts that all else follows from are well formed: model, pixel rule, vectors, statements;
  5. everything else is built again from those, the golden outputs by running the model with the
     readable kernels, and each file is compared.

Who changes a file and mends checksums and manifest is thus found too: every fact stands in two
files at least. Who builds a bundle of their own anew is found by the signature only.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from pipeline import bundle, flatbuffer, stored_zip, tflite_metadata
from pipeline.bundle import Contents, Statement
from pipeline.errors import BundleError, IntonlyError
from pipeline.graph import Graph
from pipeline.input_contract import PixelRule

_SIGNATURE_BYTES = 64

# What hostile JSON and arrays raise in code that expects honest ones.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a good bundle holds.

    Attributes:
      checks: One line for each thing that was checked, in order.
      num_files: In the zip.
      is_signed: Whether there is a signature.
      signature_checked: Whether it was checked with a public key.
      model_sha256: Of the model inside.
    """

    checks: tuple[str, ...]
    num_files: int
    is_signed: bool
    signature_checked: bool
    model_sha256: str


def check(content: bytes, verify: Callable[[bytes, bytes], bool] | None = None) -> Verdict:
    """Checks a bundle.

    Args:
      content: Of the zip.
      verify: Whether a signature (64 bytes) is right for a message: (signature, message) -> bool.

    Raises:
      BundleError: Something is not as it should be; names the file and what is wrong with it.
    """
    checks: list[str] = []
    files = stored_zip.read(content)
    checks.append(f"zip: {len(files)} files, canonical to the last byte")
    signature = files.pop(bundle.SIGNATURE, None)
    _check_manifest(files)
    checks.append(f"{bundle.MANIFEST}: every SHA-256 is right")
    checked = _check_signature(signature, files[bundle.MANIFEST], verify)
    if checked:
        checks.append(f"{bundle.SIGNATURE}: signed by the given key")
    contents = _contents(files)
    checks.append(f"{bundle.MODEL}: metadata and labels say what the rest of the bundle says")
    rebuilt = _within(bundle.MODEL, lambda: bundle.members(contents, backend="numpy"))
    _compare(files, rebuilt)
    count = len(contents.vectors[0])
    checks.append(f"golden: {count} vectors run again, equal under {', '.join(bundle.ENGINES)}")
    checks.append("contract, certificate, tests and model card follow from the model")
    model_sha256 = hashlib.sha256(contents.model).hexdigest()
    num_files = len(files) + (signature is not None)
    return Verdict(tuple(checks), num_files, signature is not None, checked, model_sha256)


def _check_manifest(files: Mapping[str, bytes]) -> None:
    listed = files.get(bundle.MANIFEST)
    if listed is None:
        raise BundleError(f"needed {bundle.MANIFEST}, the zip holds {', '.join(sorted(files))}")
    others = {name: content for name, content in files.items() if name != bundle.MANIFEST}
    expected = bundle.manifest(others)
    if listed == expected:
        return
    digests = dict(_manifest_lines(listed))
    for name in sorted(others.keys() | digests.keys()):
        if name not in digests:
            raise BundleError(f"{name}: is in the zip but not in {bundle.MANIFEST}")
        if name not in others:
            raise BundleError(f"{name}: is in {bundle.MANIFEST} but not in the zip")
        actual = hashlib.sha256(others[name]).hexdigest()
        if digests[name] != actual:
            raise BundleError(
                f"{name}: {bundle.MANIFEST} says sha256 {digests[name][:80]}, it has {actual}"
            )
    raise BundleError(f"{bundle.MANIFEST}: needed `sha256  name` lines in order, and nothing else")


def _manifest_lines(listed: bytes) -> Iterator[tuple[str, str]]:
    for line in listed.decode("utf-8", "replace").split("\n"):
        digest, _, name = line.partition("  ")
        if name:
            yield name, digest


def _check_signature(
    signature: bytes | None, message: bytes, verify: Callable[[bytes, bytes], bool] | None
) -> bool:
    if signature is None:
        if verify is not None:
            raise BundleError(
                f"{bundle.SIGNATURE}: is missing: a public key was given, but the bundle is "
                "not signed"
            )
        return False
    try:
        raw = bytes.fromhex(signature.decode("ascii"))
    except ValueError:
        raw = b""
    if len(raw) != _SIGNATURE_BYTES or raw.hex().encode() + b"\n" != signature:
        raise BundleError(f"{bundle.SIGNATURE}: needed {_SIGNATURE_BYTES} bytes as hex in one line")
    if verify is None:
        return False
    if not verify(raw, message):
        raise BundleError(
            f"{bundle.SIGNATURE}: is not that of {bundle.MANIFEST} by the given key: the bundle "
            "was changed after it was signed, or somebody else signed it"
        )
    return True


def _contents(files: Mapping[str, bytes]) -> Contents:
    """Reads what all else follows from, and holds the model's own metadata against it."""
    for name in (bundle.MODEL, bundle.CONTRACT, bundle.INDEX, bundle.CARD):
        if name not in files:
            raise BundleError(f"needed {name}, which the zip does not hold")
    graph = _within(bundle.MODEL, lambda: flatbuffer.read(files[bundle.MODEL]))
    contract, index, card = (
        _json(files, it) for it in (bundle.CONTRACT, bundle.INDEX, bundle.CARD)
    )
    if card.get("format_version") != bundle.FORMAT_VERSION:
        raise BundleError(
            f"{bundle.CARD}: needed format_version {bundle.FORMAT_VERSION}, got "
            f"{card.get('format_version')!r}: check it with the intonly that it was made with"
        )
    statement = _within(bundle.CARD, lambda: Statement.from_json(card["stated"]))
    pixels = _within(bundle.CONTRACT, lambda: _pixels(contract))
    contents = Contents(
        files[bundle.MODEL],
        pixels,
        _within("golden/input_0.bin", lambda: _vectors(graph, files, index["num_vectors"])),
        _within(bundle.INDEX, lambda: _text(index["source"])),
        statement,
    )
    _within(bundle.MODEL, lambda: _check_metadata(graph, contents))
    return contents


def _check_metadata(graph: Graph, contents: Contents) -> None:
    told, labels = tflite_metadata.detach(contents.model)
    expected = bundle.metadata(graph.main, contents.pixels, bool(labels), contents.statement)
    for field in dataclasses.fields(expected):
        needed, got = getattr(expected, field.name), getattr(told, field.name)
        if needed != got:
            raise BundleError(
                f"its metadata says {field.name} {got!r}, {bundle.CONTRACT} and {bundle.CARD} "
                f"say {needed!r}"
            )
    again = bundle.with_metadata(contents.model, contents.pixels, labels, contents.statement)
    if again != contents.model:
        raise BundleError("it is not stored as intonly stores a model: bytes that nothing reads")


def _pixels(contract: Mapping[str, Any]) -> PixelRule | None:
    return None if contract["pixels"] is None else PixelRule.from_json(contract["pixels"])


def _vectors(graph: Graph, files: Mapping[str, bytes], count: object) -> tuple[np.ndarray, ...]:
    if (
        not isinstance(count, int)
        or isinstance(count, bool)
        or not 1 <= count <= bundle.MAX_VECTORS
    ):
        raise BundleError(f"needed 1 to {bundle.MAX_VECTORS} vectors, got {count!r}")
    stacks: list[np.ndarray] = []
    for number, index in enumerate(graph.main.inputs):
        tensor, name = graph.main.tensors[index], f"golden/input_{number}.bin"
        dtype = np.dtype(tensor.dtype)
        stack = np.frombuffer(files[name], dtype.newbyteorder("<")).astype(dtype)
        stacks.append(stack.reshape(count, *tensor.shape))
    return tuple(stacks)


def _compare(files: Mapping[str, bytes], expected: Mapping[str, bytes]) -> None:
    for name in sorted((files.keys() | expected.keys()) - {bundle.MANIFEST}):
        if name not in files:
            raise BundleError(f"{name}: is missing")
        if name not in expected:
            raise BundleError(f"{name}: does not belong into this bundle")
        if files[name] != expected[name]:
            raise BundleError(f"{name}: {_difference(files[name], expected[name])}")


def _difference(actual: bytes, expected: bytes) -> str:
    if len(actual) != len(expected):
        return f"has {len(actual)} bytes, {len(expected)} follow from the model"
    position = next(
        at for at, pair in enumerate(zip(actual, expected, strict=True)) if len({*pair}) == 2
    )
    return f"byte {position} is {actual[position]}, from the model follows {expected[position]}"


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    document = _within(name, lambda: json.loads(files[name].decode("utf-8")))
    if not isinstance(document, dict):
        raise BundleError(f"{name}: needed a JSON object, got {type(document).__name__}")
    return document


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BundleError(f"needed text, got {value!r}")
    return value


def _within(name: str, read: Callable[[], Any]) -> Any:
    """Returns read(); whatever it raises over malformed content names the file."""
    try:
        return read()
    except IntonlyError as error:
        raise BundleError(f"{name}: {error}") from error
    except _MALFORMED as error:
        raise BundleError(f"{name}: is malformed: {type(error).__name__}: {error}") from error
