"""McNemar's exact test against its definition, and the flips."""

import math

import numpy as np
import pytest

from pipeline import paired_answers
from pipeline.paired_answers import Flip


def _answers(only_a, only_b, both=3, neither=2):
    a = [0] * only_a + [1] * only_b + [0] * both + [1] * neither
    b = [1] * only_a + [0] * only_b + [0] * both + [2] * neither
    return np.array(a), np.array(b), np.zeros(len(a), int)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 0), (0, 6), (9, 3), (40, 20)])
def test_p_value_is_the_binomial_tail_twice(only_a, only_b):
    found = paired_answers.compare(*_answers(only_a, only_b))
    total = only_a + only_b
    tail = sum(math.comb(total, k) for k in range(min(only_a, only_b) + 1)) / 2**total
    assert found.p_value == pytest.approx(min(1.0, 2 * tail))
    assert (found.only_a_correct, found.only_b_correct) == (only_a, only_b)
    assert (found.num_correct_a, found.num_correct_b) == (only_a + 3, only_b + 3)


def test_worse_needs_fewer_right_answers_and_significance():
    assert paired_answers.compare(*_answers(6, 0)).b_is_worse(0.05)
    assert not paired_answers.compare(*_answers(5, 0)).b_is_worse(0.05)  # p = 1 / 16
    assert not paired_answers.compare(*_answers(0, 6)).b_is_worse(0.05)


def test_flips_include_those_both_wrong():
    found = paired_answers.compare(np.array([1, 0, 2]), np.array([1, 3, 1]), np.array([1, 3, 0]))
    assert found.flips == (Flip(1, 3, 0, 3), Flip(2, 0, 2, 1))
