"""What must start in a fraction of a second does not import TensorFlow."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.interpreter",
        "pipeline.flatbuffer",
        "pipeline.certificate",
        "android_bench.host",
        "android_bench.adb",
        "android_bench.fleet",
        "android_bench.plots",
        "android_bench.report_tables",
        "tools.certify",
        "tools.convert",
        "tools.debug",
        "tools.evaluate",
        "tools.train",
        "tools.verify",
    ],
)
def test_imports_no_tensorflow(module):
    code = f"import sys, {module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_wrong_order_says_what_to_do():
    code = "import keras, tensorflow; tensorflow.keras.Model; import pipeline.legacy_keras"
    # Tests that ran before in this process have set it.
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ImportOrderError" in done.stderr
    assert "import pipeline.legacy_keras before" in done.stderr
