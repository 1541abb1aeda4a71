"""Two classifiers on the same pictures: is one better, and which answers changed?"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Flip:
    """A picture that the two put into different classes.

    Attributes:
      index: Position of the picture.
      label: Its class.
      a, b: What each took it for.
    """

    index: int
    label: int
    a: int
    b: int


@dataclasses.dataclass(frozen=True)
class PairedAnswers:
    """How two classifiers compare on the same pictures.

    Attributes:
      num_images: Pictures.
      num_correct_a, num_correct_b: Right answers.
      only_a_correct, only_b_correct: Right answers that the other has wrong.
      p_value: Of McNemar's exact test, two-sided: how often chance alone would split the answers
        that only one has right at least as unevenly.
      flips: Every picture with two answers, in order.
    """

    num_images: int
    num_correct_a: int
    num_correct_b: int
    only_a_correct: int
    only_b_correct: int
    p_value: float
    flips: tuple[Flip, ...]

    def b_is_worse(self, significance: float) -> bool:
        """Whether B has fewer right answers, and that is no chance at this level."""
        return self.num_correct_b < self.num_correct_a and self.p_value < significance


def compare(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> PairedAnswers:
    """Returns the comparison of int answers a[N] and b[N] to pictures of int labels[N], N >= 1."""
    correct_a, correct_b = a == labels, b == labels
    only_a = int(np.count_nonzero(correct_a & ~correct_b))
    only_b = int(np.count_nonzero(correct_b & ~correct_a))
    return PairedAnswers(
        num_images=len(labels),
        num_correct_a=int(np.count_nonzero(correct_a)),
        num_correct_b=int(np.count_nonzero(correct_b)),
        only_a_correct=only_a,
        only_b_correct=only_b,
        p_value=_mcnemar(only_a, only_b),
        flips=tuple(
            Flip(int(index), int(labels[index]), int(a[index]), int(b[index]))
            for index in np.flatnonzero(a != b)
        ),
    )


def _mcnemar(only_a: int, only_b: int) -> float:
    """Returns the two-sided exact p-value: each lone right answer is A's or B's by a fair coin."""
    if only_a + only_b == 0:
        return 1.0
    import scipy.stats  # here: it takes most of a second to import

    return float(scipy.stats.binomtest(only_a, only_a + only_b).pvalue)
