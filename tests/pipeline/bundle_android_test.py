"""The bundle's instrumented tests: the Java one compiled and run on a desktop JVM with stubs."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

from pipeline import bundle
from tests.pipeline import bundles

_STUBS = pathlib.Path(__file__).with_name("android_stubs")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return bundle.members(bundles.contents())


@pytest.fixture(scope="module")
def classes(files, tmp_path_factory) -> pathlib.Path:
    """The compiled test; skips where there is no Java compiler."""
    if shutil.which("javac") is None:
        pytest.skip("needs javac on PATH")
    folder = tmp_path_factory.mktemp("java")
    source = folder / "GoldenVectorsJavaTest.java"
    source.write_bytes(files["android/GoldenVectorsJavaTest.java"])
    stubs = [str(path) for path in _STUBS.rglob("*.java")]
    done = subprocess.run(
        ["javac", "-Xlint:all", "-d", str(folder / "classes"), str(source), *stubs],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "GoldenVectorsJavaTest" not in done.stderr, "compiled with warnings"
    return folder / "classes"


@pytest.fixture
def phone(classes, files, tmp_path):
    """Runs the test on a phone with these assets that answers with these outputs."""

    def run(assets: dict[str, bytes], outputs: bytes, abis: str = "arm64-v8a,armeabi-v7a") -> str:
        for name, content in assets.items():
            path = tmp_path / "assets" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (tmp_path / "input.bin").write_bytes(files["golden/input_0.bin"])
        (tmp_path / "output.bin").write_bytes(outputs)
        properties = {"assets": tmp_path / "assets", "recorded": tmp_path, "abis": abis}
        return subprocess.run(
            [
                *("java", "-cp", str(classes)),
                *(f"-D{name}={value}" for name, value in properties.items()),
                *("Main", "intonly.bundle.GoldenVectorsJavaTest"),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    return run


def test_right_bytes_pass(phone, files):
    shown = phone(files, files["golden/xnnpack_arm64/output_0.bin"])
    assert sorted(shown.splitlines()) == [
        "everyByteIsAsPromised: passed",
        "modelIsTheBundles: passed",
    ]


def test_the_first_wrong_byte_is_named(phone, files):
    answers = bytearray(files["golden/xnnpack_arm64/output_0.bin"])
    right = int.from_bytes(answers[4:5], signed=True, byteorder="little")
    answers[4] ^= 1  # Of the second of three vectors of three bytes.
    answers[8] ^= 1
    wrong = int.from_bytes(answers[4:5], signed=True, byteorder="little")
    shown = phone(files, bytes(answers))
    assert f"vector 1, output 0, byte 1 expected:<{right}> but was:<{wrong}>" in shown


def test_another_model_and_another_processor(phone, files):
    changed = {**files, "model.tflite": files["model.tflite"] + b"x"}
    answers = files["golden/xnnpack_arm64/output_0.bin"]
    shown = phone(changed, answers, abis="x86_64")
    assert "modelIsTheBundles:  expected:<" in shown
    assert "everyByteIsAsPromised: skipped: the expected bytes are for arm64-v8a" in shown


def test_kotlin_says_the_same_as_java(files):
    """No Kotlin compiler here: the constants are held against the files, braces are counted."""
    index = json.loads(files[bundle.INDEX])
    digest = json.loads(files[bundle.CARD])["measured"]["sha256"]
    for name in ("android/GoldenVectorsTest.kt", "android/GoldenVectorsJavaTest.java"):
        text = files[name].decode()
        assert f'"{digest}"' in text
        assert re.search(rf"(numVectors|NUM_VECTORS) = {index['num_vectors']}\b", text)
        assert re.search(r"(intArrayOf\(20\)|INPUT_BYTES = \{20\})", text)
        assert re.search(r"(intArrayOf\(3\)|OUTPUT_BYTES = \{3\})", text)
        assert "@" not in re.sub(r"@(RunWith|Test)\b", "", text), "an unfilled place"
        for pair in ("{}", "()", "[]"):
            assert text.count(pair[0]) == text.count(pair[1])
