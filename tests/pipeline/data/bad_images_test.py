"""Bad pictures are counted, ten are named, and nothing else is caught."""

import pytest

from pipeline.data import bad_images
from pipeline.errors import DataError


def _fail_every_third(index):
    if index % 3 == 0:
        raise DataError(f"broken {index}")


def test_find_returns_each_failure():
    found = bad_images.find([""] * 200, _fail_every_third, title="looking")
    assert sorted(found) == list(range(0, 200, 3))
    assert str(found[3]) == "broken 3"


def test_other_errors_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        bad_images.find(["x"], lambda index: 1 // index, title="looking")


def test_ten_are_named_and_the_rest_counted():
    errors = {f"{number:02}.png": DataError("cut off") for number in range(12)}
    with pytest.raises(DataError) as caught:
        bad_images.settle(errors, 40, skip=False)
    message = str(caught.value)
    assert message.startswith("12 of 40 pictures")
    assert [f"{number:02}.png: cut off" in message for number in range(12)] == [True] * 10 + [
        False
    ] * 2
    assert "2 more" in message
    assert "--skip_bad_images" in message


def test_skipped_pictures_are_returned():
    errors = {"b.png": DataError("cut off"), "a.png": DataError("cut off")}
    assert bad_images.settle(errors, 5, skip=True) == ("a.png", "b.png")
    assert bad_images.settle({}, 5, skip=False) == ()
