"""The bundle's instrumented tests, compiled and run on a desktop JVM with stubs."""

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
def stubs(tmp_path_factory) -> pathlib.Path:
    """The compiled stand-ins for Android, JUnit and TFLite; skips where there is no compiler."""
    if shutil.which("javac") is None:
        pytest.skip("needs javac on PATH: apt-get install default-jdk-headless")
    folder = tmp_path_factory.mktemp("stubs")
    # Of an old release, so that an old Kotlin compiler reads them.
    _compile("javac", "-Xlint:all", "--release=11", "-d", folder, *_STUBS.rglob("*.java"))
    return folder


@pytest.fixture(scope="module", params=["java", "kotlin"])
def program(request, stubs, files, tmp_path_factory) -> list[str]:
    """Command line, but for properties, that runs a bundle's test in that language."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "java":
        return _java(folder, stubs, files["android/GoldenVectorsJavaTest.java"])
    return _kotlin(folder, stubs, files["android/GoldenVectorsTest.kt"])


def _java(folder: pathlib.Path, stubs: pathlib.Path, content: bytes) -> list[str]:
    source, classes = folder / "GoldenVectorsJavaTest.java", folder / "classes"
    source.write_bytes(content)
    warnings = _compile("javac", "-Xlint:all", "-cp", stubs, "-d", classes, source)
    assert warnings == ""
    return ["-cp", f"{classes}:{stubs}", "Main", "intonly.bundle.GoldenVectorsJavaTest"]


def _kotlin(folder: pathlib.Path, stubs: pathlib.Path, content: bytes) -> list[str]:
    compiler = shutil.which("kotlinc")
    if compiler is None:
        pytest.skip("needs kotlinc on PATH: apt-get install kotlin")
    source, classes = folder / "GoldenVectorsTest.kt", folder / "classes"
    source.write_bytes(content)
    library = pathlib.Path(compiler).resolve().parents[1] / "lib"
    # `use` of what is AutoCloseable; later compilers have it in the first.
    libraries = ":".join(
        str(library / name) for name in ("kotlin-stdlib.jar", "kotlin-stdlib-jdk7.jar")
    )
    shown = _compile(compiler, source, "-cp", f"{stubs}:{libraries}", "-d", classes)
    assert source.name not in shown, "compiled with warnings"
    path = f"{classes}:{stubs}:{libraries}"
    return ["-cp", path, "Main", "intonly.bundle.GoldenVectorsTest"]


def _compile(*command: object) -> str:
    done = subprocess.run([str(it) for it in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def phone(program, files, tmp_path):
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
                "java",
                *(f"-D{name}={value}" for name, value in properties.items()),
                *program,
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
    """Where there is no Kotlin compiler, the constants at least are held against the files."""
    index = json.loads(files[bundle.INDEX])
    digest = json.loads(files[bundle.CARD])["measured"]["sha256"]
    for name in ("android/GoldenVectorsTest.kt", "android/GoldenVectorsJavaTest.java"):
        text = files[name].decode()
        assert f'"{digest}"' in text
        assert re.search(rf"(numVectors|NUM_VECTORS) = {index['num_vectors']}\b", text)
        assert re.search(r"(intArrayOf\(20\)|INPUT_BYTES = \{20\})", text)
        assert re.search(r"(intArrayOf\(3\)|OUTPUT_BYTES = \{3\})", text)
        assert "@" not in re.sub(r"@(RunWith|Test)\b", "", text), "an unfilled place"
