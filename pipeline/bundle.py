"""What an app team receives: one zip that says how to use a model, and proves it.

  model.tflite                   with TFLite Metadata and labels; see tflite_metadata.py
  labels.txt                     one class a line, where the classes have names
  input_contract.json            inputs; for pictures the code of each of the 256 pixel values
  golden/index.json              what the golden vectors are
  golden/input_0.bin             vectors, one after the other, little-endian
  golden/reference/output_0.bin  what TFLite's reference kernels answer
  golden/xnnpack_arm64/...       what a phone with XNNPACK answers
  android/...                    a Kotlin and a Java test that fail on the first byte that differs
  certificate.json               integer-only, and bounds of all accumulators
  model_card.json, MODEL_CARD.md what the model is, measured and stated
  MANIFEST.sha256                of every file above, as sha256sum writes it
  MANIFEST.ed25519               signature of the manifest, in hex, where there is a key

All but a few stated facts follows from the model, so a bundle is checked by building it again:
`Contents` is what it follows from, `members` is everything else. The same contents give the same
bytes on every machine. Imports neither TensorFlow nor anything else that a checker lacks.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import (
    bundle_android,
    bundle_card,
    certificate,
    flatbuffer,
    random_inputs,
    stored_zip,
    tflite_metadata,
)
from pipeline.certificate import Certificate
from pipeline.errors import BundleError, InputError, ModelError, NotIntegerOnlyError
from pipeline.graph import Graph, Subgraph, Tensor
from pipeline.input_contract import PixelRule, real_values
from pipeline.interpreter import Interpreter
from pipeline.quant_params import QUANTIZED_LIMITS, QuantParams
from pipeline.tflite_metadata import Image, ModelMetadata, TensorMetadata

FORMAT_VERSION = 2  # Of a bundle; goes up whenever the same contents give other bytes.

MODEL = "model.tflite"
LABELS = tflite_metadata.LABELS_FILE
CONTRACT = "input_contract.json"
INDEX = "golden/index.json"
CARD = "model_card.json"
MANIFEST = "MANIFEST.sha256"
SIGNATURE = "MANIFEST.ed25519"

MAX_VECTORS = 256

# Folder of the expected outputs -> (kernels, target) of Interpreter.
ENGINES = {"reference": ("reference", "arm64"), "xnnpack_arm64": ("xnnpack", "arm64")}

_VECTOR_DTYPES = ("int8", "uint8", "int16", "int32", "int64")

_EQUATION = "code = table[pixel], where real_value = (pixel - zero_pixel) * scale"


@dataclasses.dataclass(frozen=True)
class Statement:
    """What people and measurements say about a model; nothing here follows from its bytes.

    Attributes:
      name, description, version, author, license: Free text.
      data: Which data set it was trained on and measured with.
      source_sha256: Of the model before metadata was added to it.
      accuracy: Rows of tools.evaluate: {"model", "num_correct", "num_images", "share", "low",
        "high"}.
      latency: Rows of tools.benchmark: {"model", "device", "cluster", "runtime", "num_threads",
        "median_us", "low_us", "high_us"}; the cluster is "" where none was chosen.
      provenance: Where it comes from: plain JSON values.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    data: str
    source_sha256: str
    accuracy: Sequence[Mapping[str, Any]] = ()
    latency: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Statement":
        """Returns the statement that a model card holds.

        Raises:
          BundleError: A field is missing, unknown or of another type.
        """
        known = {field.name: field.type for field in dataclasses.fields(cls)}
        if set(fields) != set(known):
            raise BundleError(
                f"{CARD}: needed the statements {sorted(known)}, got {sorted(fields)}"
            )
        wrong = [name for name, kind in known.items() if kind is str and not _is_text(fields[name])]
        if wrong:
            raise BundleError(f"{CARD}: needed text in {wrong}")
        return cls(**fields)


@dataclasses.dataclass(frozen=True, eq=False)
class Contents:
    """All that a bundle follows from.

    Attributes:
      model: The .tflite file, with metadata; from `with_metadata`.
      pixels: None where the model takes no pictures.
      vectors: Golden inputs, for each input of the model [N, *shape].
      vectors_source: What they are, for people.
      statement: See there.
    """

    model: bytes
    pixels: PixelRule | None
    vectors: tuple[np.ndarray, ...]
    vectors_source: str
    statement: Statement


def with_metadata(
    model: bytes, pixels: PixelRule | None, labels: Sequence[str], statement: Statement
) -> bytes:
    """Returns `model` with TFLite Metadata that says what the bundle says.

    Raises:
      ModelError: The model is malformed.
      NotIntegerOnlyError: It is not integer-only, or its arithmetic is not sound.
      InputError: Its input is not the picture that `pixels` says, or there are not as many labels
        as outputs.
    """
    whole = flatbuffer.read(model)
    _certified(whole)
    graph = whole.main
    _check_pixels(graph, pixels)
    outputs = [graph.tensors[index] for index in graph.outputs]
    if labels and (len(outputs) != 1 or outputs[0].shape[-1:] != (len(labels),)):
        raise InputError(
            f"{len(labels)} labels need one output with as many entries, the model gives "
            f"{[list(tensor.shape) for tensor in outputs]}"
        )
    return tflite_metadata.attach(model, metadata(graph, pixels, bool(labels), statement), labels)


def build(contents: Contents, sign: Callable[[bytes], bytes] | None = None) -> bytes:
    """Returns the bytes of a bundle.

    Args:
      contents: What it follows from.
      sign: From the manifest's bytes to their Ed25519 signature, 64 bytes; None leaves it out.

    Raises:
      NotIntegerOnlyError: The model is not integer-only, or its arithmetic is not sound.
      UnsupportedOpError: The outputs of an engine cannot be predicted for this model.
      InputError: The vectors do not fit the model.
      BundleError: A bundle cannot hold this: too large, or labels that are no lines.
    """
    files = members(contents)
    if sign is not None:
        files[SIGNATURE] = sign(files[MANIFEST]).hex().encode() + b"\n"
    return stored_zip.write(files)


def members(contents: Contents, backend: str = "auto") -> dict[str, bytes]:
    """Returns every file of a bundle but the signature.

    Args:
      contents: What they follow from.
      backend: Of Interpreter, for the golden outputs.

    Raises:
      As `build`.
    """
    graph = flatbuffer.read(contents.model)
    certified = _certified(graph)
    _, labels = tflite_metadata.detach(contents.model)
    inputs = [graph.main.tensors[index] for index in graph.main.inputs]
    outputs = [graph.main.tensors[index] for index in graph.main.outputs]
    _check_vectors(inputs, contents.vectors)
    count = len(contents.vectors[0])
    files = {MODEL: contents.model, CONTRACT: _json(_contract(inputs, contents.pixels))}
    if labels:
        files[LABELS] = tflite_metadata.labels_text(labels)
    files |= _golden(contents, backend)
    files[INDEX] = _json(_index(contents, inputs, outputs))
    sizes = bundle_android.Sizes(
        count, tuple(map(_size_bytes, inputs)), tuple(map(_size_bytes, outputs))
    )
    files |= bundle_android.tests(hashlib.sha256(contents.model).hexdigest(), sizes)
    files["certificate.json"] = _json(
        {
            "verdict": certified.verdict,
            "is_integer_only": certified.is_integer_only,
            **dataclasses.asdict(certified),
        }
    )
    card = {
        "format_version": FORMAT_VERSION,
        "stated": dataclasses.asdict(contents.statement),
        "measured": bundle_card.measure(graph, contents.model, certified.verdict),
    }
    files[CARD] = _json(card)
    facts = {
        "input picture": "none" if contents.pixels is None else contents.pixels.description,
        "MediaPipe Tasks": _mediapipe(inputs[0], contents.pixels),
        "golden vectors": f"{count}: {contents.vectors_source}",
        CARD: f"sha256 `{hashlib.sha256(files[CARD]).hexdigest()}`",
    }
    names = sorted([*files, "MODEL_CARD.md"])
    files["MODEL_CARD.md"] = bundle_card.markdown(card, facts, names).encode()
    files[MANIFEST] = manifest(files)
    return files


def manifest(files: Mapping[str, bytes]) -> bytes:
    """Returns the lines that `sha256sum` writes for these files, in order of their names."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode()


def metadata(
    graph: Subgraph, pixels: PixelRule | None, has_labels: bool, statement: Statement
) -> ModelMetadata:
    """Returns the TFLite Metadata of a model whose first subgraph is `graph`."""
    inputs = [graph.tensors[index] for index in graph.inputs]
    outputs = [graph.tensors[index] for index in graph.outputs]
    return ModelMetadata(
        name=statement.name,
        description=statement.description,
        version=statement.version,
        author=statement.author,
        license=statement.license,
        inputs=tuple(_tensor_metadata(tensor, pixels, None) for tensor in inputs),
        outputs=tuple(
            _tensor_metadata(tensor, None, LABELS if has_labels else None) for tensor in outputs
        ),
    )


def random_vectors(model: bytes, count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Returns `count` random inputs of a model, each code of its type equally likely.

    Raises:
      ModelError: The model is malformed, or an input is of a type without codes.
    """
    graph = flatbuffer.read(model).main
    for tensor in (graph.tensors[index] for index in graph.inputs):
        if tensor.dtype not in _VECTOR_DTYPES:
            raise ModelError(
                f"input {tensor.name!r}: random inputs need one of {', '.join(_VECTOR_DTYPES)}, "
                f"got {tensor.dtype}; give real ones with --dataset"
            )
    return tuple(random_inputs.codes(model, count, seed))


def _certified(graph: Graph) -> Certificate:
    certified = certificate.certify(graph)
    if not certified.passes:
        raise NotIntegerOnlyError(
            f"{certified.verdict}; tools.certify lists what keeps it from being bundled: "
            f"{certified.failures[0]}"
        )
    return certified


def _check_pixels(graph: Subgraph, pixels: PixelRule | None) -> None:
    if pixels is None:
        return
    needed = (1, pixels.height, pixels.width, pixels.channels)
    tensors = [graph.tensors[index] for index in graph.inputs]
    if len(tensors) != 1 or tensors[0].shape != needed or tensors[0].quantization is None:
        raise InputError(
            f"pictures of this kind need one quantized input {list(needed)}, the model takes "
            f"{[f'{tensor.dtype}{list(tensor.shape)}' for tensor in tensors]}"
        )


def _check_vectors(inputs: Sequence[Tensor], vectors: Sequence[np.ndarray]) -> None:
    needed = [(tensor.shape, tensor.dtype) for tensor in inputs]
    got = [(stack.shape[1:], stack.dtype.name) for stack in vectors]
    counts = {len(stack) for stack in vectors}
    if needed != got or len(counts) != 1 or not 1 <= max(counts) <= MAX_VECTORS:
        raise InputError(
            f"golden vectors: needed 1 to {MAX_VECTORS} of {needed} for each input, got {got} and "
            f"{sorted(counts)} of them"
        )


def _contract(inputs: Sequence[Tensor], pixels: PixelRule | None) -> dict[str, Any]:
    contract: dict[str, Any] = {"inputs": [_edge(tensor) for tensor in inputs], "pixels": None}
    if pixels is not None:
        params = inputs[0].quantization
        assert params is not None, "pictures go into a quantized input; with_metadata checks it"
        contract["pixels"] = pixels.to_json()
        contract["equation"] = _EQUATION
        contract["table"] = pixels.table(params, inputs[0].dtype).tolist()
    return contract


def _mediapipe(tensor: Tensor, pixels: PixelRule | None) -> str:
    """Returns what MediaPipe's image tasks (1.2.2) do with this input.

    They take uint8 and float32 only, and give uint8 the pixels as they are, whatever the metadata's
    normalization says.
    """
    if pixels is None:
        return "its image tasks are not for this model, which takes no pictures"
    if tensor.dtype != "uint8":
        return f"its image tasks refuse {tensor.dtype} inputs: convert with --inference_io=uint8"
    assert tensor.quantization is not None, "with_metadata checks it"
    if np.array_equal(pixels.table(tensor.quantization, "uint8"), np.arange(256)):
        return "its image tasks can run this model: a pixel is its own code"
    return "its image tasks give wrong codes: they put pixels in as they are, past the table"


def _index(
    contents: Contents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> dict[str, Any]:
    digests = [hashlib.sha256(_bytes(stack)).hexdigest() for stack in contents.vectors]
    return {
        "num_vectors": len(contents.vectors[0]),
        "source": contents.vectors_source,
        "order": "little-endian, one vector after the other; state lives from one to the next",
        "inputs": [
            {**_edge(tensor), "sha256": digest}
            for tensor, digest in zip(inputs, digests, strict=True)
        ],
        "outputs": [_edge(tensor) for tensor in outputs],
        "engines": {
            folder: {"kernels": kernels, "target": target}
            for folder, (kernels, target) in ENGINES.items()
        },
    }


def _golden(contents: Contents, backend: str) -> dict[str, bytes]:
    files = {
        f"golden/input_{number}.bin": _bytes(stack) for number, stack in enumerate(contents.vectors)
    }
    for folder, (kernels, target) in ENGINES.items():
        interpreter = Interpreter(contents.model, kernels, target, backend)
        for number, stack in enumerate(_answers(interpreter, contents.vectors)):
            files[f"golden/{folder}/output_{number}.bin"] = _bytes(stack)
    return files


def _tensor_metadata(
    tensor: Tensor, pixels: PixelRule | None, labels_file: str | None
) -> TensorMetadata:
    params = tensor.quantization
    low, high = QUANTIZED_LIMITS.get(tensor.dtype, (0, 1))
    limits = np.array([low, high])
    real = limits if params is None else _dequantized(limits, params)
    image = None
    if pixels is not None:
        real = real_values(pixels.zero_pixel, pixels.scale)
        image = Image(
            width=pixels.width,
            height=pixels.height,
            color_space=pixels.color_space,
            mean=float(pixels.zero_pixel),
            std=float(np.float32(1 / pixels.scale)),
        )
    return TensorMetadata(
        name=tensor.name,
        description=f"{tensor.dtype}{list(tensor.shape)}",
        minimum=float(np.float32(real.min())),
        maximum=float(np.float32(real.max())),
        image=image,
        labels_file=labels_file,
    )


def _dequantized(codes: np.ndarray, params: QuantParams) -> np.ndarray:
    scale, zero_point = params.per_tensor
    return (codes - zero_point) * scale


def _answers(interpreter: Interpreter, vectors: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns for each output [N, *shape]; the state of one run goes into the next."""
    runs = [interpreter.run(*values) for values in zip(*vectors, strict=True)]
    return [np.stack(values) for values in zip(*runs, strict=True)]


def _edge(tensor: Tensor) -> dict[str, Any]:
    params = tensor.quantization
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "scale": None if params is None else params.scale[0],
        "zero_point": None if params is None else params.zero_point[0],
    }


def _size_bytes(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize


def _bytes(values: np.ndarray) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()


def _json(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8") + b"\n"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()
