"""A small network, its run and the reports of all its stages, for tests of pages."""

import dataclasses
import pathlib

import numpy as np

from pipeline import certificate, flatbuffer, layer_file, report
from pipeline.data import InputSpec
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.layer_figures import LayerFigures, NoiseFigures, RangeFigures, WeightFigures
from pipeline.layer_file import LayerFile
from pipeline.quant_params import QuantParams
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig

LAYERS = ("stem", "branch", "join", "logits")
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">$\\frac{1$\x07"


def network(layers: tuple[str, ...] = LAYERS) -> bytes:
    """Returns stem -> branch -> join (with stem) -> logits, for pictures of digits."""
    return flatbuffer.write(graph(layers))


def graph(layers: tuple[str, ...] = LAYERS) -> Graph:
    """Returns the network as a graph; its ops are named after `layers`."""
    stem, branch, join, logits = (f"net/{layer}/Op" for layer in layers)
    rng = np.random.default_rng(0)
    grid = QuantParams((1 / 128,), (0,))

    def weights(shape: tuple[int, ...]) -> np.ndarray:
        return rng.integers(-127, 128, shape).astype(np.int8)

    def constant(index: int, name: str, data: np.ndarray) -> Tensor:
        return Tensor(index, name, data.shape, "int8", QuantParams((0.01,), (0,)), data)

    def bias(index: int, count: int, scale: float) -> Tensor:
        params = QuantParams((float(np.float32(scale)),), (0,))
        return Tensor(index, f"bias{index}", (count,), "int32", params, np.zeros(count, np.int32))

    def value(index: int, name: str, *shape: int) -> Tensor:
        return Tensor(index, name, shape, "int8", QuantParams((0.05,), (-7,)))

    tensors = (
        dataclasses.replace(value(0, "input", 1, 8, 8, 1), quantization=grid),
        constant(1, "stem/weights", weights((2, 3, 3, 1))),
        value(2, stem, 1, 8, 8, 2),
        constant(3, "branch/weights", weights((2, 1, 1, 2))),
        value(4, branch, 1, 8, 8, 2),
        value(5, join, 1, 8, 8, 2),
        constant(6, "logits/weights", weights((10, 128))),
        value(7, logits, 1, 10),
        bias(8, 2, 0.01 / 128),
        bias(9, 2, 0.01 * 0.05),
        bias(10, 10, 0.01 * 0.05),
    )
    convolution = {
        **{"padding": "SAME", "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1},
        **{"dilation_h_factor": 1, "fused_activation_function": "NONE"},
    }
    plain = {"fused_activation_function": "NONE"}
    ops = (
        Operator(0, "CONV_2D", 3, (0, 1, 8), (2,), convolution),
        Operator(1, "CONV_2D", 3, (2, 3, 9), (4,), convolution),
        Operator(2, "ADD", 2, (2, 4), (5,), plain),
        Operator(3, "FULLY_CONNECTED", 4, (5, 6, 10), (7,), plain),
    )
    return Graph((Subgraph("main", tensors, (0,), (7,), ops),))


def write_run(folder: pathlib.Path, layers: tuple[str, ...] = LAYERS) -> pathlib.Path:
    """Returns a run directory on digits with figures of its layers; its models are no models."""
    folder.mkdir()
    config = TrainConfig(model="net", dataset="digits")
    names = tuple("0123456789")
    run_dir = RunDir(folder, config, InputSpec(8, 8, 1), names, 1438)
    run_dir.save()
    run_dir.qat_model.write_bytes(b"stands for a model")
    results = {
        "num_parameters": 1234,
        "float_accuracy": 0.75,
        "qat_accuracy": 0.5,
        "config": dataclasses.asdict(config),
    }
    report.write(run_dir.report, "train", results, inputs=[run_dir.qat_model], seed=0)
    content = LayerFile(256, tuple(map(_figures, layers)))
    layer_file.write(folder, content, [run_dir.qat_model])
    return folder


def _figures(layer: str) -> LayerFigures:
    return LayerFigures(
        layer=layer,
        kind="Conv2D",
        output=RangeFigures("ema", True, -6.05, 6.7, 0.05, -7, 256, 200, 5000, 3),
        noise=NoiseFigures(40.5, 35.5, None),
        num_channels=2,
        dead_channels=(),
        rounded_to_death=(),
        weights=WeightFigures(8, False, 0.01, 0.01, 9, (9, 8)),
        batch_norm=None,
    )


def write_reports(
    folder: pathlib.Path, model: pathlib.Path, *, is_exact: bool = True, layer: str = "stem"
) -> list[pathlib.Path]:
    """Returns reports of all stages about a model, as the tools write them."""
    paths = {
        name: folder / f"{name}.json"
        for name in ("verify", "keras", "evaluate", "benchmark", "debug", "certify")
    }
    report.write(paths["verify"], "verify", _verification(is_exact), inputs=[model], seed=0)
    row = {"num_correct": 3, "num_images": 4, "low": 0.25, "high": 0.95, "share": 0.75}
    report.write(paths["keras"], "evaluate", {"float": row})
    report.write(
        paths["evaluate"], "evaluate", {f"{model.name} (interpreter)": row}, inputs=[model]
    )
    report.write(paths["benchmark"], "benchmark", _phones(model), inputs=[model], seed=0)
    noise = {
        "layer": layer,
        "op_index": 0,
        "op": "CONV_2D",
        "integer_db": 33.25,
        "fake_quant_db": 34.5,
        "cosine": 0.9999,
        "parts": {"clipping": 0.75, "weight rounding": 0.25},
        "worst_channels": [[1, 0.5]],
        "cause": "clipping",
    }
    report.write(paths["debug"], "debug", {"layers": [noise], "suspects": [layer]}, inputs=[model])
    bounds = certificate.certify(flatbuffer.read(model.read_bytes())).accumulators
    measured = [dataclasses.replace(bound, bound=bound.bound // 8) for bound in bounds]
    results = {"measured_accumulators": measured}
    report.write(paths["certify"], "certificate", results, inputs=[model])
    return list(paths.values())


def _verification(is_exact: bool) -> dict:
    match = {
        "op_index": 0,
        "num_elements": 128,
        "num_equal": 128 if is_exact else 127,
        "max_abs_difference": 0 if is_exact else 1,
    }
    return {
        "is_exact": is_exact,
        "reason": "all are equal" if is_exact else "the first that differs is op 0",
        "verification": {"oracle": "BUILTIN_REF", "num_examples": 16, "tensors": [match]},
        "fidelity": {
            "layers": [match],
            "num_examples": 16,
            "argmax_agreement": 1.0,
            "outputs_within_one": 0.875,
        },
        "fidelity_holds": True,
    }


def _phones(model: pathlib.Path) -> dict:
    cell = {"model": str(model), "runtime": "xnnpack", "num_threads": 1, "cluster": "big"}
    measured = {
        "cell": cell,
        "model_sha256": report.files.sha256(model),
        "latency": {"median_us": {"median": 1250.0, "low": 1200.0, "high": 1300.0}},
        "ms_by_op": {"Convolution (NHWC, QC8)": 0.8, "Fully Connected": 0.4},
    }
    phone = {"header": {"phone": "Pixel", "is_emulated": False}, "cells": [measured]}
    return {"device": ["S1"], "phones": [phone]}
