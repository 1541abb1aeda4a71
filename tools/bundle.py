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
from typing import Any

import numpy as np
from absl import flags

from pipeline import bundle, bundle_evidence, data, evaluate, files, report, tflite_metadata
from pipeline.bundle import Contents, Statement
from pipeline.data import Dataset, InputSpec
from pipeline.errors import InputError
from pipeline.run_dir import RunDir
from pipeline.train_config import FREE
from tools import cli, held_out

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
    needs = "qat_model" if _MODEL.value is None else "nothing"
    run_dir = None if _RUN_DIR.value is None else RunDir.open(_RUN_DIR.value, needs)
    source = _source(run_dir)
    pictures = _pictures(source, run_dir)
    statement = _statement(source, run_dir, pictures)
    rule = None if pictures is None else pictures[0].pixel_rule()
    model = bundle.with_metadata(source, rule, _labels(pictures), statement)
    contents = Contents(model, rule, *_vectors(model, pictures), statement)
    content = bundle.build(contents, sign)
    files.write_bytes(_OUTPUT.value, content)
    signed = "signed" if sign else "not signed"
    print(f"{_OUTPUT.value}: {len(content):,} bytes, {signed}; check it with tools.verify_bundle")


def _source(run_dir: RunDir | None) -> bytes:
    if _MODEL.value is not None:
        return pathlib.Path(_MODEL.value).read_bytes()
    assert run_dir is not None, "main() checks that there is one of both"
    from pipeline import convert, qat  # here: tfmot takes seconds to import

    return convert.convert(qat.load(run_dir.qat_model))


def _pictures(model: bytes, run_dir: RunDir | None) -> tuple[InputSpec, Dataset] | None:
    if run_dir is not None:
        return held_out.of_run(run_dir, _DATASET.value, _DATA_DIR.value)
    if _DATASET.value is not None:
        tensor = evaluate.input_tensor(model)
        return held_out.of_model(tensor, _DATASET.value, _DATA_DIR.value)
    return None


def _labels(pictures: tuple[InputSpec, Dataset] | None) -> Sequence[str]:
    if _LABELS.value is not None:
        return tflite_metadata.labels_of(_ending_in_newline(pathlib.Path(_LABELS.value)))
    return () if pictures is None else pictures[1].class_names


def _ending_in_newline(path: pathlib.Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"


def _vectors(
    model: bytes, pictures: tuple[InputSpec, Dataset] | None
) -> tuple[tuple[np.ndarray, ...], str]:
    if pictures is None:
        vectors = bundle.random_vectors(model, _NUM_VECTORS.value, _SEED.value)
        return vectors, f"random codes, seed {_SEED.value}"
    spec, dataset = pictures
    pixels, _ = data.eval_pixels(dataset, min(_NUM_VECTORS.value, dataset.num_eval))
    codes = evaluate.model_inputs(evaluate.input_tensor(model), spec, pixels)[:, np.newaxis]
    return (codes,), f"held-out pictures of {dataset.name}"


def _statement(
    source: bytes, run_dir: RunDir | None, pictures: tuple[InputSpec, Dataset] | None
) -> Statement:
    digest = hashlib.sha256(source).hexdigest()
    accuracy: list[dict[str, Any]] = []
    latency: list[dict[str, Any]] = []
    for path in _EVIDENCE.value:
        if bundle_evidence.kind(path) == "evaluate":
            accuracy += bundle_evidence.accuracy(path, digest)
        else:
            latency += bundle_evidence.latency(path, digest)
    return Statement(
        name=_NAME.value or pathlib.Path(_MODEL.value or _RUN_DIR.value).stem,
        description=_DESCRIPTION.value,
        version=_VERSION.value,
        author=_AUTHOR.value,
        license=_LICENSE.value,
        data="" if pictures is None else pictures[1].name,
        source_sha256=digest,
        accuracy=accuracy,
        latency=latency,
        provenance=_provenance(run_dir),
    )


def _provenance(run_dir: RunDir | None) -> dict[str, Any]:
    """Returns where the model comes from; no times or paths, so that bytes can be the same."""
    commit, dirty = report.git_state()
    provenance: dict[str, Any] = {
        "intonly, git commit": commit if not dirty else f"{commit}, with changes",
    }
    for path in _EVIDENCE.value:
        provenance[f"{pathlib.Path(path).name} sha256"] = files.sha256(path)
    if run_dir is not None:
        for name, value in vars(run_dir.config).items():
            if value not in (None, "", [], {}, ()) and name not in FREE:
                is_path = isinstance(value, str) and "/" in value
                provenance[f"training, {name}"] = pathlib.Path(value).name if is_path else value
    return provenance


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
