"""Facts and state of several phones, and of phones whose answers are damaged."""

import dataclasses
import math
import random

import pytest

from android_bench import device
from android_bench.device import Sensor, State
from tests.android_bench import phones

_PIXEL = phones.facts(
    phones.TWO_ON_TOP,
    features="fp asimd asimddp",
    ro_build_fingerprint="google/oriole/oriole:14/AP2A.240805/1:user/release-keys",
    ro_product_model="Pixel 6",
    ro_soc_manufacturer="Google",
    ro_soc_model="Tensor",
    ro_build_version_release="14",
    ro_build_version_sdk="34",
    ro_product_cpu_abi="arm64-v8a",
)


def test_facts():
    facts = device.parse_facts("S1", _PIXEL)
    assert facts.serial == "S1"
    assert facts.fingerprint == "google/oriole/oriole:14/AP2A.240805/1:user/release-keys"
    assert facts.model == "Pixel 6"
    assert facts.soc == "Google Tensor"
    assert (facts.android_version, facts.sdk) == ("14", 34)
    assert facts.kernel_version == "5.10.198-android13-4-g1234567"
    assert facts.abi == "arm64-v8a"
    assert facts.total_memory_bytes == 7633120 * 1024
    assert facts.has_dot_product is True
    assert facts.is_emulated is False
    assert [dataclasses.astuple(cluster) for cluster in facts.clusters] == [
        ("little", (0, 1, 2, 3), 1_803_000, "schedutil", "Cortex-A55"),
        ("mid", (4, 5), 2_253_000, "schedutil", "Cortex-A76"),
        ("big", (6, 7), 2_802_000, "schedutil", "Cortex-X1"),
    ]


@pytest.mark.parametrize(
    ("policies", "per_core", "implementer", "expected"),
    [
        (phones.FOUR_AND_FOUR, False, "0x51", "little (cores 0 to 3), big (cores 4 to 7)"),
        (phones.FOUR_AND_FOUR, True, "0x51", "little (cores 0 to 3), big (cores 4 to 7)"),
        (
            phones.WITH_PRIME,
            False,
            "0x41",
            "little (cores 0 to 3), big (cores 4 to 6), prime (cores 7)",
        ),
        (
            phones.FOUR_CLUSTERS,
            False,
            "0x41",
            "little (cores 0 to 1), mid (cores 5 to 6), big (cores 2 to 4), prime (cores 7)",
        ),
    ],
)
def test_clusters_of_phones(policies, per_core, implementer, expected):
    text = phones.facts(policies, per_core=per_core, implementer=implementer)
    facts = device.parse_facts("S1", text)
    assert device.cores.describe(facts.clusters) == expected


@pytest.mark.parametrize("policies", [phones.FOUR_AND_FOUR, phones.WITH_PRIME])
def test_forbidden_cpufreq_falls_back_to_the_part(policies):
    implementer = "0x51" if policies is phones.FOUR_AND_FOUR else "0x41"
    readable, forbidden = (
        device.parse_facts(
            "S1", phones.facts(policies, readable_cpufreq=flag, implementer=implementer)
        )
        for flag in (True, False)
    )
    assert [(c.name, c.cores, c.cpu_part) for c in readable.clusters] == [
        (c.name, c.cores, c.cpu_part) for c in forbidden.clusters
    ]
    assert all(cluster.max_khz is None for cluster in forbidden.clusters)


@pytest.mark.parametrize("text", ["", "sh: dumpsys: inaccessible or not found\n", "\0\n@@section "])
def test_a_phone_that_tells_nothing_is_unknown(text):
    facts = device.parse_facts("S1", text)
    assert facts == device.Facts("S1", *([None] * 7), (), None, False, None)
    assert device.parse_state(text) == State(None, (), {}, None, None, None, None, (), None, {})


def test_old_names_of_the_chip_and_an_emulator():
    text = phones.facts((), ro_board_platform="msm8998", ro_kernel_qemu="1")
    facts = device.parse_facts("S1", text)
    assert facts.soc == "msm8998"
    assert facts.is_emulated


def test_state():
    state = device.parse_state(phones.STATE)
    assert state == State(
        thermal_status=2,
        sensors=(Sensor("CPU0", 0, 63.5, 1), Sensor("skin-therm", 3, 39.25, 2)),
        zones_c={"thermal_zone0:cpu-0-0-usr": 45.3, "thermal_zone1:battery": 29.0},
        battery_percent=86,
        battery_c=28.7,
        charging=True,
        screen_on=True,
        online_cores=(0, 1, 2, 3, 4, 5, 7),
        free_memory_bytes=1_500_000 * 1024,
        time_in_state={
            0: {300000: 10000, 1800000: 200},
            4: {700000: 5000, 2400000: 400},
        },
    )


def test_cached_temperatures_where_the_hardware_tells_none():
    text = phones.STATE.replace("Current temperatures from HAL:", "HAL says nothing:")
    assert device.parse_state(text.replace("63.5", "x").replace("39.25", "x")).sensors == (
        Sensor("CPU0", 0, 51.0, 0),
    )


def test_windows_line_ends_change_nothing():
    assert device.parse_state(phones.STATE.replace("\n", "\r\n")) == device.parse_state(
        phones.STATE
    )


def test_samsung_of_android_12(shared_dir):
    log = "facts/benchmark_logs/10_dumpsys_thermalservice_samsung_a52_android12.txt"
    text = phones.answer(thermalservice=(shared_dir / log).read_text())
    state = device.parse_state(text)
    assert state.thermal_status == 0
    assert state.sensors == (Sensor("AP", 0, 25.6, 0), Sensor("BAT", 2, 23.8, 0))


def test_time_held_between_two_states():
    before = device.parse_state(phones.STATE)
    after = device.parse_state(
        phones.STATE.replace("1800000 20", "1800000 120").replace("2400000 40", "2400000 47")
    )
    assert device.held_ms(before, after) == {0: {1800000: 1000}, 4: {2400000: 70}}
    # Counts that went back: the phone was restarted.
    assert device.held_ms(after, before) == {}


def _mutated(text: str, rng: random.Random) -> str:
    """Cuts, doubles, swaps or overwrites a few pieces."""
    for _ in range(rng.randint(1, 6)):
        begin = rng.randrange(len(text) + 1)
        end = min(len(text), begin + rng.choice((1, 3, 20, 300)))
        piece = text[begin:end]
        replacement = rng.choice(
            ("", piece * 2, piece[::-1], "9" * 5000, "\N{ARABIC-INDIC DIGIT ONE}", "-", "\n", "\0")
        )
        text = text[:begin] + replacement + text[end:]
    return text


def test_damaged_answers_never_raise():
    rng = random.Random(0)
    changed = 0
    whole = device.parse_facts("S1", _PIXEL), device.parse_state(phones.STATE)
    for _ in range(1000):
        facts = device.parse_facts("S1", _mutated(_PIXEL, rng))
        state = device.parse_state(_mutated(phones.STATE, rng))
        changed += (facts, state) != whole
        every = [core for cluster in facts.clusters for core in cluster.cores]
        assert sorted(set(every)) == sorted(every)
        assert all(math.isfinite(sensor.temperature_c) for sensor in state.sensors)
        assert all(0 <= core < 64 for core in (*every, *state.online_cores))
    assert changed > 500
