"""Standard TFLite Metadata: what Android Studio and MediaPipe read about a model.

A model carries it in two places: a flatbuffer of its own (root table ModelMetadata, identifier
"M001") in the metadata entry TFLITE_METADATA, and a zip with the associated files, stored, appended
to the model. The generated classes for it have no package for new Pythons, so tables are built and
read here by field number.

Source: metadata_schema.fbs 1.5.0 (tensorflow/tflite-support, google-ai-edge/mediapipe); fields are
numbered in the order in which it declares them, a union takes two.
"""

import dataclasses
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import flatbuffers
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

from pipeline import flatbuffer, stored_zip
from pipeline.errors import BundleError, ModelError

ENTRY = "TFLITE_METADATA"
LABELS_FILE = "labels.txt"

_IDENTIFIER = b"M001"
_MIN_PARSER_VERSION = "1.0.0"  # All fields written here are as old as the schema.

# Enums and union members, by their numbers in the schema.
_COLOR_SPACES = {"RGB": 1, "GRAYSCALE": 2}
_TENSOR_AXIS_LABELS = 2
_FEATURE_PROPERTIES = 1
_IMAGE_PROPERTIES = 2
_NORMALIZATION_OPTIONS = 1

_MAX_ITEMS = 1 << 16  # Of a vector; no honest metadata comes near.

_Item = TypeVar("_Item")


@dataclasses.dataclass(frozen=True)
class Image:
    """What a picture in an input tensor is.

    real_value = (pixel - mean) / std, which the tensor's own quantization then turns into codes.

    Attributes:
      width, height: In pixels.
      color_space: Key of _COLOR_SPACES.
      mean, std: One value for all channels; stored as float32.
    """

    width: int
    height: int
    color_space: str
    mean: float
    std: float


@dataclasses.dataclass(frozen=True)
class TensorMetadata:
    """One input or output.

    Attributes:
      name, description: For people.
      minimum, maximum: Of its real values; stored as float32.
      image: None where it holds no picture.
      labels_file: Associated file that names the entries of its last axis, if one does.
    """

    name: str
    description: str
    minimum: float
    maximum: float
    image: Image | None = None
    labels_file: str | None = None


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """A model, with its inputs and outputs in the order of its first subgraph."""

    name: str
    description: str
    version: str
    author: str
    license: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


def attach(model: bytes, metadata: ModelMetadata, labels: Sequence[str] = ()) -> bytes:
    """Returns `model` with metadata and labels; what it carried of either is replaced.

    Raises:
      ModelError: The model is malformed, or has other inputs and outputs than `metadata`.
      BundleError: The model is too large for an associated file.
    """
    graph = flatbuffer.read(model)
    ends = (
        (graph.main.inputs, metadata.inputs, "inputs"),
        (graph.main.outputs, metadata.outputs, "outputs"),
    )
    for indices, told, what in ends:
        if len(indices) != len(told):
            raise ModelError(f"needed metadata of {len(indices)} {what}, got {len(told)}")
    entries = {**graph.metadata, ENTRY: build(metadata)}
    flat = flatbuffer.write(dataclasses.replace(graph, metadata=entries))
    if not labels:
        return flat
    return flat + stored_zip.write({LABELS_FILE: labels_text(labels)}, offset=len(flat))


def detach(model: bytes) -> tuple[ModelMetadata, tuple[str, ...]]:
    """Returns the metadata and the labels that `attach` gave to a model.

    Raises:
      ModelError: The model or its metadata is malformed, or there is none.
      BundleError: The zip behind the model is damaged, or holds other files than labels.
    """
    entries = flatbuffer.read(model).metadata
    if ENTRY not in entries:
        raise ModelError(f"needed a model with metadata ({ENTRY}), found {sorted(entries)}")
    begin = stored_zip.start(model)
    if begin is None:
        return parse(entries[ENTRY]), ()
    members = stored_zip.read(model, begin)
    if set(members) != {LABELS_FILE}:
        raise BundleError(f"needed {LABELS_FILE} behind the model, got {sorted(members)}")
    return parse(entries[ENTRY]), labels_of(members[LABELS_FILE])


def labels_text(labels: Sequence[str]) -> bytes:
    """Returns the content of a label file: one a line, UTF-8.

    Raises:
      BundleError: A label is empty or has a line break in it.
    """
    for number, label in enumerate(labels):
        if not label or label.splitlines() != [label]:
            raise BundleError(f"label {number}: needed one line of text, got {label!r}")
    return "".join(f"{label}\n" for label in labels).encode("utf-8")


def labels_of(content: bytes) -> tuple[str, ...]:
    """Returns the labels of a label file.

    Raises:
      BundleError: It is not UTF-8, or not as `labels_text` writes it.
    """
    try:
        labels = tuple(content.decode("utf-8").removesuffix("\n").split("\n"))
    except UnicodeDecodeError as error:
        raise BundleError(f"{LABELS_FILE}: needed UTF-8, got {error}") from error
    if labels_text(labels) != content:
        raise BundleError(f"{LABELS_FILE}: needed one label a line, and nothing else")
    return labels


def build(metadata: ModelMetadata) -> bytes:
    """Returns the metadata flatbuffer; equal metadata gives equal bytes."""
    builder = flatbuffers.Builder()
    writer = _Writer(builder)
    inputs = writer.offsets([writer.tensor(tensor) for tensor in metadata.inputs])
    outputs = writer.offsets([writer.tensor(tensor) for tensor in metadata.outputs])
    subgraph = writer.table(10, {2: inputs, 3: outputs})
    texts = {0: metadata.name, 1: metadata.description, 2: metadata.version}
    texts |= {4: metadata.author, 5: metadata.license, 7: _MIN_PARSER_VERSION}
    fields = {number: builder.CreateString(text) for number, text in texts.items()}
    root = writer.table(8, {**fields, 3: writer.offsets([subgraph])})
    builder.Finish(root, _IDENTIFIER)
    return bytes(builder.Output())


def parse(content: bytes) -> ModelMetadata:
    """Returns what a metadata flatbuffer says, as far as ModelMetadata has words for it.

    Raises:
      ModelError: The bytes are no well-formed metadata.
    """
    if content[4:8] != _IDENTIFIER:
        raise ModelError(
            f"{ENTRY}: needed {_IDENTIFIER!r} at byte 4 of the metadata, got {content[4:8]!r}"
        )
    try:
        return _model(_Reader(content))
    except (struct.error, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{ENTRY}: the metadata is malformed: {error}") from error


class _Writer:
    """Tables of the schema, written by field number."""

    def __init__(self, builder: flatbuffers.Builder) -> None:
        self._builder = builder

    def table(
        self,
        num_fields: int,
        offsets: dict[int, int],
        *,
        enums: dict[int, int] | None = None,
        sizes: dict[int, int] | None = None,
    ) -> int:
        """Returns a table of offsets, of enums (one byte) and of sizes (uint32)."""
        self._builder.StartObject(num_fields)
        for number, offset in offsets.items():
            self._builder.PrependUOffsetTRelativeSlot(number, offset, 0)
        for number, size in (sizes or {}).items():
            self._builder.PrependUint32Slot(number, size, 0)
        for number, value in (enums or {}).items():
            self._builder.PrependUint8Slot(number, value, 0)
        return self._builder.EndObject()

    def offsets(self, offsets: Sequence[int]) -> int:
        """Returns a vector of tables."""
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return self._builder.EndVector()

    def tensor(self, tensor: TensorMetadata) -> int:
        """Returns a TensorMetadata table."""
        fields = {
            0: self._builder.CreateString(tensor.name),
            1: self._builder.CreateString(tensor.description),
            3: self._content(tensor.image),
            5: self.table(2, {0: self._float(tensor.maximum), 1: self._float(tensor.minimum)}),
        }
        if tensor.image is not None:
            fields[4] = self.offsets([self._normalization(tensor.image)])
        if tensor.labels_file is not None:
            name = self._builder.CreateString(tensor.labels_file)
            text = self._builder.CreateString("Name of each entry of the last axis, one a line.")
            file = self.table(5, {0: name, 1: text}, enums={2: _TENSOR_AXIS_LABELS})
            fields[6] = self.offsets([file])
        return self.table(7, fields)

    def _content(self, image: Image | None) -> int:
        if image is None:
            kind, properties = _FEATURE_PROPERTIES, self.table(0, {})
        else:
            size = self.table(2, {}, sizes={0: image.width, 1: image.height})
            color = {0: _COLOR_SPACES[image.color_space]}
            kind, properties = _IMAGE_PROPERTIES, self.table(2, {1: size}, enums=color)
        return self.table(3, {1: properties}, enums={0: kind})

    def _normalization(self, image: Image) -> int:
        options = self.table(2, {0: self._float(image.mean), 1: self._float(image.std)})
        return self.table(2, {1: options}, enums={0: _NORMALIZATION_OPTIONS})

    def _float(self, value: float) -> int:
        """Returns a vector of one float32, which stands for all channels."""
        self._builder.StartVector(4, 1, 4)
        self._builder.PrependFloat32(value)
        return self._builder.EndVector()


class _Reader:
    """A table of a metadata flatbuffer."""

    def __init__(self, content: bytes, position: int | None = None) -> None:
        self._content = content
        if position is None:
            position = encode.Get(packer.uoffset, content, 0)
        self._begin: int = position
        self._table = Table(content, position)

    def text(self, number: int) -> str:
        """Returns a string, empty where it is absent."""
        position = self._position(number)
        if position is None:
            return ""
        begin = position + encode.Get(packer.uoffset, self._content, position)
        size = encode.Get(packer.uoffset, self._content, begin)
        if begin + 4 + size > len(self._content):
            raise ValueError(f"field {number}: its text ends behind the metadata")
        return self._content[begin + 4 : begin + 4 + size].decode("utf-8")

    def number(self, field: int, flags: Any) -> int:
        """Returns a number of a table, 0 where it is absent."""
        position = self._position(field)
        return 0 if position is None else self._table.Get(flags, position)

    def child(self, number: int) -> "_Reader":
        """Returns a table that a field points to."""
        position = self._position(number)
        if position is None:
            raise ValueError(f"needed a table in field {number}, it is absent")
        return self._at(position)

    def children(self, number: int) -> list["_Reader"]:
        """Returns the tables of a vector, none where it is absent."""
        return self._items(number, self._at)

    def first_float(self, number: int) -> float:
        """Returns the first entry of a vector of floats."""
        values = self._items(number, lambda at: encode.Get(packer.float32, self._content, at))
        if not values:
            raise ValueError(f"needed a number in field {number}, got none")
        return values[0]

    def _position(self, number: int) -> int | None:
        offset = self._table.Offset(4 + 2 * number)
        return self._begin + offset if offset else None

    def _at(self, position: int) -> "_Reader":
        return _Reader(
            self._content, position + encode.Get(packer.uoffset, self._content, position)
        )

    def _items(self, number: int, item: Callable[[int], _Item]) -> list[_Item]:
        position = self._position(number)
        if position is None:
            return []
        begin = position + encode.Get(packer.uoffset, self._content, position)
        count = encode.Get(packer.uoffset, self._content, begin)
        if count > _MAX_ITEMS:
            raise ValueError(f"field {number}: needed at most {_MAX_ITEMS} entries, got {count}")
        return [item(begin + 4 + 4 * index) for index in range(count)]


def _model(root: _Reader) -> ModelMetadata:
    subgraphs = root.children(3)
    if len(subgraphs) != 1:
        raise ValueError(f"needed metadata of one subgraph, got {len(subgraphs)}")
    return ModelMetadata(
        name=root.text(0),
        description=root.text(1),
        version=root.text(2),
        author=root.text(4),
        license=root.text(5),
        inputs=_tensors(subgraphs[0].children(2)),
        outputs=_tensors(subgraphs[0].children(3)),
    )


def _tensors(tables: Iterable[_Reader]) -> tuple[TensorMetadata, ...]:
    return tuple(_tensor(table) for table in tables)


def _tensor(table: _Reader) -> TensorMetadata:
    stats = table.child(5)
    files = [file.text(0) for file in table.children(6) if _is_labels(file)]
    return TensorMetadata(
        name=table.text(0),
        description=table.text(1),
        minimum=stats.first_float(1),
        maximum=stats.first_float(0),
        image=_image(table),
        labels_file=files[0] if files else None,
    )


def _is_labels(file: _Reader) -> bool:
    return file.number(2, number_types.Uint8Flags) == _TENSOR_AXIS_LABELS


def _image(tensor: _Reader) -> Image | None:
    content = tensor.child(3)
    if content.number(0, number_types.Uint8Flags) != _IMAGE_PROPERTIES:
        return None
    properties = content.child(1)
    colors = {number: name for name, number in _COLOR_SPACES.items()}
    size = properties.child(1)
    units = [
        unit.child(1)
        for unit in tensor.children(4)
        if unit.number(0, number_types.Uint8Flags) == _NORMALIZATION_OPTIONS
    ]
    if len(units) != 1:
        raise ValueError(f"needed one normalization of a picture, got {len(units)}")
    return Image(
        width=size.number(0, number_types.Uint32Flags),
        height=size.number(1, number_types.Uint32Flags),
        color_space=colors[properties.number(0, number_types.Uint8Flags)],
        mean=units[0].first_float(0),
        std=units[0].first_float(1),
    )
