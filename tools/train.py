"""Trains a network: float, then quantization-aware.

  python -m tools.train --model=resnet_cifar --dataset=digits --run_dir=out/run
  python -m tools.train --run_dir=out/run --resume                  after an interruption
  python -m tools.train --run_dir=out/run --resume --qat_epochs=3   QAT of a finished float run

A resumed run keeps all settings; flags that are left out count as those it began with.
Exit code 0: trained; 1: training went wrong (NaN loss); 2: the request cannot be served.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from typing import Any

import rich.box
from absl import flags
from rich.console import Console
from rich.table import Table

import models
from pipeline import checkpoint, data, qat, run_dir, train
from pipeline.data import Dataset, InputSpec
from pipeline.errors import DataError, RunDirError
from pipeline.legacy_keras import tf_keras
from pipeline.quant_params import SCHEMES
from pipeline.run_dir import RunDir
from pipeline.train import Stages, TrainResult
from pipeline.train_config import TrainConfig
from tools import cli
