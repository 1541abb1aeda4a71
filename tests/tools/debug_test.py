"""tools.debug refuses what it cannot serve; on a run it is tested in tests/docs_test.py."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--model"),
        (["--model=nowhere.tflite", "--run_dir=nowhere"], "nowhere.tflite"),
        (["--model=setup.py", "--run_dir=nowhere"], "needed a .tflite model"),
    ],
)
def test_bad_request_is_one_message(run_tool, arguments, message):
    done = run_tool("debug", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
