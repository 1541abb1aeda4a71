"""A small bundle, for tests."""

import hashlib

import numpy as np

from pipeline import bundle
from pipeline.bundle import Contents, Statement
from pipeline.input_contract import PixelRule
from tests.pipeline.interpreter.one_op import Operand, constant, model

LABELS = ("cat", "dog", "Übel")
RULE = PixelRule(4, 5, 1, "bilinear", 128, 1 / 128)


def network() -> bytes:
    """Returns a classifier of pictures into three classes."""
    rng = np.random.default_rng(1)
    weights = constant(rng.integers(-127, 128, (3, 20)).astype(np.int8), 1 / 100)
    bias = constant(rng.integers(-900, 900, 3).astype(np.int32), 1 / 12800)
    return model(
        "FULLY_CONNECTED",
        [Operand((1, 4, 5, 1), 1 / 128), weights, bias],
        Operand((1, 3), 0.05, 3),
        fused_activation_function="NONE",
    )


def contents(num_vectors: int = 3) -> Contents:
    """Returns what a bundle of that classifier follows from."""
    source = network()
    statement = Statement(
        *("animals", "What is on a picture.", "1.0", "somebody", "Apache-2.0", "zoo"),
        source_sha256=hashlib.sha256(source).hexdigest(),
        accuracy=[
            {
                "model": "m",
                "num_correct": 9,
                "num_images": 10,
                "share": 0.9,
                "low": 0.6,
                "high": 1.0,
            }
        ],
        latency=[
            {
                "model": "m",
                "device": "d",
                "cluster": "big",
                "runtime": "xnnpack",
                "num_threads": 2,
                "median_us": 2.5,
                "low_us": 2.0,
                "high_us": 3.0,
            }
        ],
        provenance={"training, seed": 0, "git commit": None},
    )
    carried = bundle.with_metadata(source, RULE, LABELS, statement)
    vectors = bundle.random_vectors(carried, num_vectors, 0)
    return Contents(carried, RULE, vectors, "random codes, seed 0", statement)


def sign(message: bytes) -> bytes:
    """Stands for a signature: 64 bytes that only this message has."""
    return hashlib.sha512(b"secret" + message).digest()


def verify(signature: bytes, message: bytes) -> bool:
    """Whether `sign` gave that signature."""
    return signature == sign(message)
