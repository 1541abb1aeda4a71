"""TFLite_Detection_PostProcess: boxes and scores become detections, in floats.

The only op here that computes with floats: it stands behind the integer graph (see boundary.py).

  box center = encoded center / scale * anchor size + anchor center           in double
  half size = exp(encoded size / scale) * anchor size / 2                     in double
  box = center -+ half size                                                   in float32

A detection keeps a box if its score is at least nms_score_threshold and no kept box of a higher
score overlaps it by more than nms_iou_threshold, intersection over union in float32. Of equal
scores the first wins. Either each class is suppressed by itself and the best of all are kept
(use_regular_nms), or boxes are, by their best class, and keep max_classes_per_detection classes;
among classes of equal scores the order is by number, while TFLite's follows from its sort.
Outputs are boxes, classes, scores and their number. Rows that hold no detection are 0; TFLite may
leave anything there, if not use_regular_nms.

Constraints (tests are named after these labels):
  C1  boxes are [1, boxes, 4 or more], scores [1, boxes, classes or classes + 1], anchors
      [boxes, 4], each float32 or, but in tflite-micro, uint8; anchors have the type of the boxes.
  C2  outputs are float32 [1, n, 4], [1, n], [1, n] and [1] with
      n = max_detections * max_classes_per_detection.
  C3  options are a map of numbers; counts are positive, scales are not 0, the overlap is in (0, 1].

Source: tensorflow/lite/kernels/detection_postprocess.cc.
"""

import dataclasses
import math
import struct
from collections.abc import Callable

import numpy as np
from flatbuffers import flexbuffers

from pipeline.errors import ModelError
from pipeline.interpreter.op_context import OpContext

_MALFORMED = (
    struct.error,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_DETECTIONS_PER_CLASS = 100  # Unless the options say otherwise.
_MAX_DETECTIONS = 2**20

# Takes codes, scale and zero point; returns float32.
Dequantize = Callable[[np.ndarray, float, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Options:
    """The op's custom options; center_scales are of y and x, size_scales of h and w."""

    max_detections: int
    max_classes_per_detection: int
    detections_per_class: int
    use_regular_nms: bool
    nms_score_threshold: float
    nms_iou_threshold: float
    num_classes: int
    center_scales: tuple[float, float]
    size_scales: tuple[float, float]

    @property
    def num_detections(self) -> int:
        """Rows of the outputs."""
        return self.max_detections * self.max_classes_per_detection


@dataclasses.dataclass(frozen=True, eq=False)
class _Found:
    """Detections: one entry of each array for each.

    Attributes:
      rows: Where they go in the outputs.
      boxes: Indices of boxes.
      classes: Class numbers.
      scores: float32.
      count: What the last output says.
    """

    rows: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray
    count: int


def prepare(context: OpContext, dequantize_scores: Dequantize | None) -> Callable[..., tuple]:
    """Checks C1 to C3; returns what takes boxes, scores and anchors and gives the outputs.

    Args:
      context: The op.
      dequantize_scores: How the engine does it; None where it takes float32 only.
    """
    options = _options(context)
    _check(context, options)
    tensors = [context.input(position) for position in range(3)]
    are_codes = [tensor.dtype != "float32" for tensor in tensors]
    context.require(
        dequantize_scores is not None or not any(are_codes),
        "C1",
        "float32 in this engine",
        context.dtypes[:3],
    )
    dequantizers = (_dequantized, dequantize_scores or _dequantized, _dequantized)
    parameters = [
        (dequantizer, *context.per_tensor(tensor)) if is_code else None
        for dequantizer, tensor, is_code in zip(dequantizers, tensors, are_codes, strict=True)
    ]

    # tflite-micro refuses boxes of no area, too.
    ends_too_early = np.greater_equal if dequantize_scores is None else np.greater

    def evaluate(*values: np.ndarray) -> tuple[np.ndarray, ...]:
        encoded, scores, anchors = (
            value if given is None else given[0](value, *given[1:])
            for value, given in zip(values, parameters, strict=True)
        )
        boxes = _decoded(options, encoded[0, :, :4], anchors)
        if ends_too_early(boxes[:, :2], boxes[:, 2:]).any():
            raise ModelError(f"{context.where}: a box ends before it begins")
        select = _regular if options.use_regular_nms else _fast
        return _outputs(options, boxes, select(options, boxes, _of_classes(options, scores[0])))

    return evaluate


def _options(context: OpContext) -> Options:
    try:
        options = _read(bytearray(context.operator.custom_options))
    except _MALFORMED as error:
        raise ModelError(f"{context.where}: C3: its options are malformed: {error!r}") from error
    counts = options.max_detections, options.num_classes, options.detections_per_class
    context.require(
        min(*counts, options.max_classes_per_detection) > 0, "C3", "counts above 0", options
    )
    context.require(options.num_detections <= _MAX_DETECTIONS, "C3", "fewer detections", options)
    scales = (*options.center_scales, *options.size_scales)
    context.require(all(scales), "C3", "scales other than 0", options)
    context.require(0 < options.nms_iou_threshold <= 1, "C3", "an overlap in (0, 1]", options)
    return options


def _read(content: bytearray) -> Options:
    given = flexbuffers.Loads(content)
    if not isinstance(given, dict):
        raise TypeError(f"needed a map, got {type(given).__name__}")

    def real(name: str) -> float:  # The runtime holds reals in float32.
        with np.errstate(over="ignore"):
            return _number(float(np.float32(_number(given[name]))))

    return Options(
        max_detections=int(_number(given["max_detections"])),
        max_classes_per_detection=int(_number(given["max_classes_per_detection"])),
        detections_per_class=int(_number(given.get("detections_per_class", _DETECTIONS_PER_CLASS))),
        use_regular_nms=bool(given.get("use_regular_nms", False)),
        nms_score_threshold=real("nms_score_threshold"),
        nms_iou_threshold=real("nms_iou_threshold"),
        num_classes=int(_number(given["num_classes"])),
        center_scales=(real("y_scale"), real("x_scale")),
        size_scales=(real("h_scale"), real("w_scale")),
    )


def _number(value: object) -> int | float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"needed a number, got {value!r}")
    return value


def _check(context: OpContext, options: Options) -> None:
    context.require(len(context.inputs) == 3, "C1", "three inputs", len(context.inputs))
    encoded, scores, anchors = (context.input(position) for position in range(3))
    boxes = encoded.shape[1] if len(encoded.shape) == 3 else 0
    shapes = encoded.shape, scores.shape, anchors.shape
    context.require(
        boxes > 0
        and encoded.shape[0] == 1
        and encoded.shape[2] >= 4
        and scores.shape[:2] == (1, boxes)
        and scores.shape[2:] in ((options.num_classes,), (options.num_classes + 1,))
        and anchors.shape == (boxes, 4),
        "C1",
        f"boxes, scores and anchors of {options.num_classes} classes",
        shapes,
    )
    dtypes = context.dtypes[:3]
    context.require(
        set(dtypes) <= {"float32", "uint8"} and dtypes[0] == dtypes[2],
        "C1",
        "float32 or uint8, boxes like anchors",
        dtypes,
    )
    count = options.num_detections
    needed = [((1, count, 4), "float32"), ((1, count), "float32")]
    needed += [((1, count), "float32"), ((1,), "float32")]
    got = [(tensor.shape, tensor.dtype) for tensor in context.outputs]
    context.require(got == needed, "C2", f"outputs {needed}", got)


def _dequantized(codes: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return (codes.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def _decoded(options: Options, encoded: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Returns float32[boxes, 4]: top, left, bottom, right."""
    encoded, anchors = encoded.astype(np.float64), anchors.astype(np.float64)
    sizes = anchors[:, 2:]
    centers = encoded[:, :2] / np.array(options.center_scales) * sizes + anchors[:, :2]
    with np.errstate(over="ignore"):  # An infinite box is a box.
        halves = 0.5 * np.exp(encoded[:, 2:] / np.array(options.size_scales)) * sizes
        centers, halves = centers.astype(np.float32), halves.astype(np.float32)
        return np.concatenate([centers - halves, centers + halves], axis=1)


def _of_classes(options: Options, scores: np.ndarray) -> np.ndarray:
    """Returns scores without those of the background, which comes first where there is one."""
    return scores[:, scores.shape[1] - options.num_classes :]


def _fast(options: Options, boxes: np.ndarray, scores: np.ndarray) -> _Found:
    """Suppresses boxes by their best class; several classes to each kept box."""
    kept = _suppressed(options, boxes, scores.max(axis=1), options.max_detections)
    spacing = options.max_classes_per_detection
    classes = np.argsort(-scores[kept], axis=1, kind="stable")[:, :spacing]
    rows = np.arange(len(kept))[:, np.newaxis] * spacing + np.arange(classes.shape[1])
    return _Found(
        rows=rows.reshape(-1),
        boxes=np.repeat(kept, classes.shape[1]),
        classes=classes.reshape(-1),
        scores=np.take_along_axis(scores[kept], classes, axis=1).reshape(-1),
        count=len(kept),
    )


def _regular(options: Options, boxes: np.ndarray, scores: np.ndarray) -> _Found:
    """Suppresses boxes in each class by itself; keeps the best of all."""
    count = min(options.detections_per_class, options.max_detections)
    found = [_suppressed(options, boxes, column, count) for column in scores.T]
    kept = np.concatenate(found)
    classes = np.repeat(np.arange(len(found)), [len(indices) for indices in found])
    best = np.argsort(-scores[kept, classes], kind="stable")[: options.max_detections]
    kept, classes = kept[best], classes[best]
    return _Found(np.arange(len(kept)), kept, classes, scores[kept, classes], len(kept))


def _suppressed(options: Options, boxes: np.ndarray, scores: np.ndarray, count: int) -> np.ndarray:
    """Returns the indices of at most `count` boxes that do not overlap, best score first."""
    above = np.flatnonzero(scores >= np.float32(options.nms_score_threshold))
    candidates = above[np.argsort(-scores[above], kind="stable")]
    kept: list[int] = []
    while len(candidates) and len(kept) < count:
        first, candidates = candidates[0], candidates[1:]
        kept.append(int(first))
        overlaps = _overlaps(boxes[first], boxes[candidates])
        candidates = candidates[~(overlaps > np.float32(options.nms_iou_threshold))]
    return np.array(kept, np.int64)


def _overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns intersection over union with each other box, float32; 0 for one without area."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        area = np.prod(box[2:] - box[:2])
        areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
        ends = np.minimum(box[2:], others[:, 2:])
        sides = np.maximum(ends - np.maximum(box[:2], others[:, :2]), np.float32(0))
        shared = np.prod(sides, axis=1)
        union = area + areas - shared
        return np.where((area <= 0) | (areas <= 0), np.float32(0), shared / union)


def _outputs(options: Options, boxes: np.ndarray, found: _Found) -> tuple[np.ndarray, ...]:
    found_boxes = np.zeros((1, options.num_detections, 4), np.float32)
    found_classes, found_scores = np.zeros((2, 1, options.num_detections), np.float32)
    found_boxes[0, found.rows] = boxes[found.boxes]
    found_classes[0, found.rows] = found.classes
    found_scores[0, found.rows] = found.scores
    return found_boxes, found_classes, found_scores, np.array([found.count], np.float32)
