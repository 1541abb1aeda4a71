"""Bundles a model with all that an app team needs to use it and to prove that it works.

  python -m tools.bundle --run_dir=out/run --output=B.zip
  python -m tools.bundle --model=M.tflite --run_dir=out/run --output=B.zip --license=Apache-2.0 \
      --evidence=evaluate.json,benchmark.json --signing_key=key.pem
  python -m tools.bundle --model=M.tflite --output=B.zip --labels=labels.txt

What is in it: pipeline/bundle.py. With a run or a data set the golden inputs are its held-out
pictures and the pixels' codes are part of the contract; else inputs are random. The same request on
the same commit gives the same bytes. tools.verify_bundle checks them.

Exit code 0: written; 1: the model is not integer-only or not sound, nothing is written; 2: the
request cannot be served.
"""

import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from pipeline import bundle, bundle_evidence, files, report, tflite_metadata
from pipeline.bundle import Contents, Statement
from pipeline.errors import InputError
from tools import cli

if TYPE_CHECKING:
    from tools.bundle_pictures import Pictures

_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run whose model it is.")
_MODEL = flags.DEFINE_string("model", None, "The .tflite model; default: the run's, converted.")
_OUTPUT = flags.DEFINE_string("output", None, "The bundle to write.", required=True)
_LABELS = flags.DEFINE_string(
    "labels", None, "Names of the classes, one a line; default: those of the run or the data set."
)
_DATASET = flags.DEFINE_string("dataset", None, "Golden inputs; default: the run's data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_NUM_VECTORS = flags.DEFINE_integer("num_vectors", 8, "Golden vectors.", 1, bundle.MAX_VECTORS)
_SEED = flags.DEFINE_integer("seed", 0, "Of random inputs, where there is no data set.", 0)
_NAME = flags.DEFINE_string("name", None, "What the model is called; default: its file's name.")
_DESCRIPTION = flags.DEFINE_string("description", "", "What it does, in a sentence or two.")
_VERSION = flags.DEFINE_string("version", "", "Its version.")
_AUTHOR = flags.DEFINE_string("author", "", "Who made it.")
_LICENSE = flags.DEFINE_string("license", "", "Under which licence it may be used.")
_EVIDENCE = flags.DEFINE_list(
    "evidence", [], "Reports of tools.evaluate and tools.benchmark for the model card."
)
_SIGNING_KEY = flags.DEFINE_string(
    "signing_key", None, "Ed25519 private key (PEM) to sign the manifest with."
)


def main() -> None:
    """Builds the bundle and writes --output."""
    if _RUN_DIR.value is None and _MODEL.value is None:
        raise InputError("needed --run_dir or --model, got neither")
    sign = _signer()
    pictures = _pictures()
    source = pathlib.Path(_MODEL.value).read_bytes() if pictures is None else pictures.model
    statement = _statement(source, pictures)
    rule = None if pictures is None else pictures.rule
    model = bundle.with_metadata(source, rule, _labels(pictures), statement)
    contents = Contents(model, rule, *_vectors(model, pictures), statement)
    content = bundle.build(contents, sign)
    files.write_bytes(_OUTPUT.value, content)
    signed = "signed" if sign else "not signed"
    print(f"{_OUTPUT.value}: {len(content):,} bytes, {signed}; check it with tools.verify_bundle")


def _pictures() -> "Pictures | None":
    if _RUN_DIR.value is None and _DATASET.value is None:
        return None
    from tools import bundle_pictures  # here: it imports TensorFlow

    return bundle_pictures.of(
        *(_MODEL.value, _RUN_DIR.value, _DATASET.value, _DATA_DIR.value, _NUM_VECTORS.value)
    )


def _labels(pictures: "Pictures | None") -> Sequence[str]:
    if _LABELS.value is not None:
        return tflite_metadata.labels_of(_ending_in_newline(pathlib.Path(_LABELS.value)))
    return () if pictures is None else pictures.class_names


def _ending_in_newline(path: pathlib.Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"


def _vectors(model: bytes, pictures: "Pictures | None") -> tuple[tuple[np.ndarray, ...], str]:
    if pictures is not None:
        return (pictures.vectors,), f"held-out pictures of {pictures.dataset}"
    vectors = bundle.random_vectors(model, _NUM_VECTORS.value, _SEED.value)
    return vectors, f"random codes, seed {_SEED.value}"


def _statement(source: bytes, pictures: "Pictures | None") -> Statement:
    digest = hashlib.sha256(source).hexdigest()
    accuracy: list[dict[str, Any]] = []
    latency: list[dict[str, Any]] = []
    for path in _EVIDENCE.value:
        document = bundle_evidence.read(path)
        if document["kind"] == "evaluate":
            accuracy += bundle_evidence.accuracy(path, document, digest)
        else:
            rows = bundle_evidence.latency(path, document, digest)
            if not rows:
                raise InputError(
                    f"--evidence={path}: needed a latency, got none, as of emulated phones; "
                    "measure on a real one, or leave the report out"
                )
            latency += rows
    return Statement(
        name=_NAME.value or pathlib.Path(_MODEL.value or _RUN_DIR.value).stem,
        description=_DESCRIPTION.value,
        version=_VERSION.value,
        author=_AUTHOR.value,
        license=_LICENSE.value,
        data="" if pictures is None else pictures.dataset,
        source_sha256=digest,
        accuracy=accuracy,
        latency=latency,
        provenance=_provenance(pictures),
    )


def _provenance(pictures: "Pictures | None") -> dict[str, Any]:
    """Returns where the model comes from; no times or paths, so that bytes can be the same."""
    commit, dirty = report.git_state()
    training = {} if pictures is None else pictures.training
    return {
        "intonly, git commit": commit if not dirty else f"{commit}, with changes",
        **{f"{pathlib.Path(path).name} sha256": files.sha256(path) for path in _EVIDENCE.value},
        **{f"training, {name}": value for name, value in training.items()},
    }


def _signer() -> Callable[[bytes], bytes] | None:
    if _SIGNING_KEY.value is None:
        return None
    from pipeline import signing  # here: only signing needs cryptography

    return signing.signer(_SIGNING_KEY.value)


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
