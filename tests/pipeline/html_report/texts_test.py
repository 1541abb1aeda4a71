"""Numbers and names as the page writes them."""

import pytest

from pipeline.graph import Tensor
from pipeline.html_report import texts
from pipeline.quant_params import QuantParams


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.9999999, "> 99.999 %"), (0.99, "99.000 %"), (0.0, "0.000 %")],
)
def test_nearly_all_is_never_rounded_up_to_all(share, text):
    assert texts.nearly_all(share) == text


def test_small_shares_are_never_rounded_down_to_none():
    assert [texts.small_percent(share) for share in (0.0, 1e-7, 0.5)] == [
        "0.00 %",
        "< 0.01 %",
        "50.00 %",
    ]


def test_names():
    assert texts.printable("a\x00b\ud800c\n中") == "a\ufffdb\ufffdc\n中"
    assert texts.short("short", 5) == "short"
    assert texts.short("abcdefghij", 7) == "abcd…ij"
    assert len(texts.short("x" * 99, 24)) == 24


def test_units():
    assert (texts.latency(12.34), texts.latency(1234.0)) == ("12.3 µs", "1.23 ms")
    assert (texts.decibel(None), texts.percent(None)) == ("", "")


def test_quantization():
    one = Tensor(0, "t", (2,), "int8", QuantParams((0.5,), (3,)))
    several = Tensor(0, "t", (2,), "int8", QuantParams((0.25, 0.5), (0, 1), 0))
    plain = Tensor(0, "t", (2,), "int32")
    assert [texts.grid(it) for it in (one, several, plain)] == [
        "int8  0.5, 3",
        "int8  2 scales",
        "int32",
    ]
    assert [texts.scales(it) for it in (one, several, plain)] == ["0.5", "0.25 to 0.5", ""]
    assert [texts.zero_points(it) for it in (one, several, plain)] == ["3", "0 to 1", ""]
    assert [texts.real_range(it) for it in (one, several, plain)] == ["-65.5 to 62", "", ""]
