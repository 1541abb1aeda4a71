"""Disk, data and extra programs, each good and bad."""

import zipfile

import pytest

from pipeline.doctor import machine

_GIB = 1 << 30


@pytest.mark.parametrize(("free_gib", "state"), [(50, "fine"), (1, "note"), (0, "broken")])
def test_room(tmp_path, free_gib, state):
    (check,) = machine.disk([tmp_path, tmp_path], lambda _: free_gib * _GIB)
    assert check.state == state
    assert f"{free_gib}.0 GiB" in check.found
    assert bool(check.remedy) == (state != "fine")


def test_folder_that_is_not_there(tmp_path):
    (check,) = machine.disk([tmp_path / "nowhere"])
    assert check.state == "broken"


def test_data(tmp_path):
    (tmp_path / "full" / "train").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("train/cat/1.png", b"")
    names = ["full", "empty", "bad.zip", "good.zip", "nowhere"]
    checks = machine.data([str(tmp_path / name) for name in names], {}, tmp_path)[:-1]
    assert [it.state for it in checks] == ["fine", "broken", "broken", "fine", "broken"]
    assert all(it.remedy for it in checks if it.state == "broken")


def test_shared_data(tmp_path):
    (tmp_path / "here" / "data").mkdir(parents=True)
    (there,) = machine.data([], {"INTONLY_SHARED": str(tmp_path / "here")}, tmp_path)
    assert there.state == "fine"
    (named,) = machine.data([], {"INTONLY_SHARED": str(tmp_path / "nowhere")}, tmp_path / "here")
    assert (named.state, "INTONLY_SHARED names it" in named.found) == ("note", True)
    (unset,) = machine.data([], {}, tmp_path / "nowhere")
    assert (unset.state, "is not set" in unset.found) == ("note", True)


def test_extras():
    none = machine.extras(lambda _: None)
    assert {check.state for check in none} == {"note"}
    found = machine.extras({"qemu-aarch64": "/q", "google-chrome": "/c"}.get)
    assert [(check.state, check.found) for check in found] == [("fine", "/q"), ("fine", "/c")]
