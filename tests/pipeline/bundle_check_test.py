"""Bundles that were tampered with: a byte, a field, a file; with and without mended checksums."""

import contextlib
import copy
import dataclasses
import json
import os
import pathlib
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pipeline import bundle, bundle_check, stored_zip
from pipeline.errors import BundleError
from tests.conftest import REPO
from tests.pipeline import bundles

_JSON = (bundle.CONTRACT, bundle.INDEX, bundle.CARD, "certificate.json")


@pytest.fixture(scope="module")
def signed() -> bytes:
    return bundle.build(bundles.contents(), bundles.sign)


@pytest.fixture(scope="module")
def files(signed) -> dict[str, bytes]:
    return stored_zip.read(signed)


def _mended(files: dict[str, bytes]) -> bytes:
    """Returns the zip of changed files, with the manifest that fits them."""
    others = {
        name: content
        for name, content in files.items()
        if name not in (bundle.MANIFEST, bundle.SIGNATURE)
    }
    return stored_zip.write({**others, bundle.MANIFEST: bundle.manifest(others)})


def test_a_good_bundle(signed):
    verdict = bundle_check.check(signed, bundles.verify)
    assert (verdict.num_files, verdict.is_signed, verdict.signature_checked) == (14, True, True)
    assert "golden: 3 vectors run again" in "\n".join(verdict.checks)
    verdict = bundle_check.check(signed)
    assert (verdict.is_signed, verdict.signature_checked) == (True, False)
    verdict = bundle_check.check(bundle.build(bundles.contents()))
    assert (verdict.num_files, verdict.is_signed) == (13, False)


def test_a_thousand_single_bytes_are_caught_and_named(signed, files):
    """Each file's content, and every byte of the zip's own."""
    rng = random.Random(0)
    owner = _owners(signed, files)
    own = [position for position, name in enumerate(owner) if name is None]
    positions = own + rng.sample(range(len(signed)), 1000)
    for position in positions:
        changed = bytearray(signed)
        changed[position] ^= rng.randrange(1, 256)
        with pytest.raises(BundleError) as caught:
            bundle_check.check(bytes(changed))
        if owner[position] is not None:
            assert str(caught.value).startswith(f"{owner[position]}: ")
    assert len(own) > 1000


def _owners(content: bytes, files: dict[str, bytes]) -> list[str | None]:
    """Returns for each byte of the zip the file that it is content of."""
    owners: list[str | None] = [None] * len(content)
    position = 0
    for name in sorted(files):
        position += 30 + len(name)
        size = len(files[name])
        assert content[position : position + size] == files[name]
        owners[position : position + size] = [name] * size
        position += size
    return owners


def _leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)) and item:
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key)


def _field_tampers(files: dict[str, bytes]) -> Iterator[tuple[str, tuple, bytes]]:
    """Yields (file, field, the file with another value there) for every field of every JSON."""
    for name in _JSON:
        document = json.loads(files[name])
        for path in _leaves(document):
            changed = copy.deepcopy(document)
            place = changed
            for key in path[:-1]:
                place = place[key]
            value = place[path[-1]]
            match value:
                case bool():
                    other = not value
                case int() | float():
                    other = value + 1
                case str():
                    other = f"{value}x"
                case _:
                    other = "x"
            place[path[-1]] = other
            yield name, path, bundle._json(changed)


def test_every_field_is_caught_by_the_manifest_and_named(files):
    count = 0
    for name, _, content in _field_tampers(files):
        changed = stored_zip.write({**files, name: content})
        with pytest.raises(BundleError, match=f"^{name}: MANIFEST.sha256 says"):
            bundle_check.check(changed)
        count += 1
    assert count > 300


def test_every_field_is_caught_although_the_manifest_was_mended(files):
    """The 256 entries of the table are alike: every 16th of them."""
    for name, path, content in _field_tampers(files):
        if path[0] == "table" and path[1] % 16:
            continue
        with pytest.raises(BundleError) as caught:
            bundle_check.check(_mended({**files, name: content}))
        assert str(caught.value), (name, path)


@pytest.mark.parametrize("position", [0, 7, -1])
def test_every_file_is_caught_although_the_manifest_was_mended(files, position):
    for name in files.keys() - {bundle.MANIFEST, bundle.SIGNATURE}:
        changed = bytearray(files[name])
        changed[position] ^= 1
        with pytest.raises(BundleError):
            bundle_check.check(_mended({**files, name: bytes(changed)}))


def test_derived_files_are_named(files):
    for name in ("android/GoldenVectorsTest.kt", "golden/reference/output_0.bin", "MODEL_CARD.md"):
        changed = _mended({**files, name: files[name][:-2] + b"~\n"})
        with pytest.raises(BundleError, match=f"^{name}: byte .* from the model follows"):
            bundle_check.check(changed)


def test_a_bundle_made_anew_needs_the_signature(signed, files):
    """Everything is consistent, but somebody else has built it."""
    contents = bundles.contents()
    statement = dataclasses.replace(contents.statement, license="free for all")
    model = bundle.with_metadata(contents.model, contents.pixels, bundles.LABELS, statement)
    forged = dataclasses.replace(contents, model=model, statement=statement)
    unsigned = bundle.build(forged)
    assert not bundle_check.check(unsigned).is_signed
    with pytest.raises(BundleError, match="is not signed"):
        bundle_check.check(unsigned, bundles.verify)
    borrowed = stored_zip.write(
        {**stored_zip.read(unsigned), bundle.SIGNATURE: files[bundle.SIGNATURE]}
    )
    with pytest.raises(BundleError, match="changed after it was signed"):
        bundle_check.check(borrowed, bundles.verify)
    for bad in (b"", b"00\n", files[bundle.SIGNATURE].upper(), files[bundle.SIGNATURE] + b" "):
        with pytest.raises(BundleError, match="64 bytes as hex"):
            bundle_check.check(stored_zip.write({**files, bundle.SIGNATURE: bad}))


def test_files_too_many_and_too_few(files):
    with pytest.raises(BundleError, match=r"^extra: is in the zip but not in"):
        bundle_check.check(stored_zip.write({**files, "extra": b""}))
    with pytest.raises(BundleError, match=r"^extra: does not belong"):
        bundle_check.check(_mended({**files, "extra": b""}))
    for name in files.keys() - {bundle.MANIFEST, bundle.SIGNATURE}:
        rest = {other: content for other, content in files.items() if other != name}
        with pytest.raises(BundleError, match=f"^{name}: is in MANIFEST.sha256 but not in the zip"):
            bundle_check.check(stored_zip.write(rest))
        with pytest.raises(BundleError, match=name):
            bundle_check.check(_mended(rest))
    rest = {name: content for name, content in files.items() if name != bundle.MANIFEST}
    with pytest.raises(BundleError, match=r"needed MANIFEST\.sha256"):
        bundle_check.check(stored_zip.write(rest))


def test_bytes_that_nothing_reads_are_refused(files):
    """Behind the labels, and between the flatbuffer and its zip."""
    model = files[bundle.MODEL]
    begin = stored_zip.start(model)
    assert begin is not None
    gap = (
        model[:begin]
        + b"hidden.."
        + stored_zip.write({bundle.LABELS: files[bundle.LABELS]}, offset=begin + 8)
    )
    for changed in (model + b"hidden", gap):
        with pytest.raises(BundleError, match=r"^model\.tflite: "):
            bundle_check.check(_mended({**files, bundle.MODEL: changed}))


def test_another_format_is_refused_by_name(files):
    card = json.loads(files[bundle.CARD]) | {"format_version": bundle.FORMAT_VERSION + 1}
    with pytest.raises(BundleError, match="needed format_version 2, got 3"):
        bundle_check.check(_mended({**files, bundle.CARD: json.dumps(card).encode()}))


@pytest.mark.parametrize("name", [*_JSON[:3], bundle.MODEL, bundle.LABELS, "golden/input_0.bin"])
def test_arbitrary_content_with_mended_checksums_never_escapes(files, name):
    rng = random.Random(name)
    values = [None, -1, 0, 2**70, 1e308, "", "x", [], {}, [[[]]], True]
    for _ in range(40):
        content = bytearray(files[name])
        if name in _JSON and rng.random() < 0.7:
            document = json.loads(files[name])
            path = rng.choice(list(_leaves(document)))
            place = document
            for key in path[: rng.randrange(len(path))]:
                place = place[key]
            place[rng.choice(list(place) if isinstance(place, dict) else range(len(place)))] = (
                rng.choice(values)
            )
            content = bytearray(json.dumps(document).encode())
        else:
            begin = rng.randrange(len(content))
            content[begin : begin + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
        if bytes(content) != files[name]:
            with pytest.raises(BundleError):
                bundle_check.check(_mended({**files, name: bytes(content)}))


def test_deep_json_is_refused(files):
    deep = b"[" * 100_000
    with pytest.raises(BundleError, match=r"^input_contract\.json: is malformed"):
        bundle_check.check(_mended({**files, bundle.CONTRACT: deep}))


def test_arbitrary_bytes_never_escape(signed):
    rng = random.Random(0)
    for _ in range(500):
        begin, end = sorted(rng.randrange(len(signed)) for _ in range(2))
        changed = signed[:begin] + rng.randbytes(rng.randrange(64)) + signed[end:]
        with contextlib.suppress(BundleError):
            bundle_check.check(changed)
            assert changed == signed


def test_it_needs_numpy_flatbuffers_and_the_schema_only(tmp_path, signed):
    """Runs where nothing else is installed, not even the rest of LiteRT."""
    import ai_edge_litert
    import flatbuffers

    for package in (np, flatbuffers):
        folder = pathlib.Path(package.__file__).parent
        (tmp_path / folder.name).symlink_to(folder)
        libraries = folder.with_name(f"{folder.name}.libs")
        if libraries.exists():
            (tmp_path / libraries.name).symlink_to(libraries)
    schema = pathlib.Path(ai_edge_litert.__file__).with_name("schema_py_generated.py")
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "__init__.py").touch()
    (tmp_path / "ai_edge_litert" / schema.name).symlink_to(schema)
    (tmp_path / "b.zip").write_bytes(signed)
    code = (
        "import pathlib, sys; from pipeline import bundle_check;"
        "print(bundle_check.check(pathlib.Path(sys.argv[1]).read_bytes()).num_files)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(tmp_path / "b.zip")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{REPO}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "14\n", done.stderr
