"""A phone's noise, simulated: samples of processes as they would come from a session.

No measurement. It exists to count how often a rule for claims is right where the truth is known.
What disturbs: jitter of each run; an offset that a process keeps (memory layout); a drift over the
session; bursts, when something else runs for a while; and heat, which makes the clock step down in
the middle of things and up again later. The strengths are assumptions, not fits.
"""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Noise:
    """How much of what. Shares are of the latency; heat is in units of what throttles.

    Attributes:
      jitter: Standard deviation of the log of a run.
      offset: Standard deviation of the log of a process.
      trend: Largest change from beginning to end of a session, either way.
      wander: Standard deviation of the step from one process to the next.
      burst_rate_hz: How often a burst begins.
      burst_s: Mean length of a burst.
      burst_slowdown: Largest factor of a burst; the least is 1.
      heating_s: Time constant of heating and cooling.
      equilibrium: Heat that endless work would reach; above 1 the clock steps down.
      resume: Heat at which the clock steps up again.
      throttled: Factor of the latency when it has stepped down.
      throttled_heating: Factor of the equilibrium then.
      pause_s: Between processes: start, load, reading the phone's state.
    """

    jitter: float = 0.01
    offset: float = 0.007
    trend: float = 0.06
    wander: float = 0.003
    burst_rate_hz: float = 0.1
    burst_s: float = 0.4
    burst_slowdown: float = 3.0
    heating_s: float = 20.0
    equilibrium: float = 2.6
    resume: float = 0.7
    throttled: float = 1.08
    throttled_heating: float = 0.6
    pause_s: float = 1.5


class Phone:
    """One session on a noisy phone: processes run one after the other on its clock.

    Attributes:
      is_throttled: Whether its clock has stepped down.
    """

    def __init__(self, noise: Noise, num_processes: int, rng: np.random.Generator):
        self.is_throttled = False
        self._noise = noise
        self._rng = rng
        self._heat = rng.uniform(0, 0.9)
        self._drift = 0.0
        self._slope = rng.uniform(-noise.trend, noise.trend) / num_processes

    def process_us(self, latency_us: float, num_runs: int) -> np.ndarray:
        """Returns float64[num_runs], the samples of the next process of a model.

        Args:
          latency_us: What one of its runs takes on a cool and quiet phone.
          num_runs: Timed runs.
        """
        noise, rng = self._noise, self._rng
        self.rest(noise.pause_s)
        self._drift += self._slope + rng.normal(0, noise.wander)
        log = self._drift + rng.normal(0, noise.offset) + rng.normal(0, noise.jitter, num_runs)
        samples_us = latency_us * np.exp(log) * self._bursts(num_runs * latency_us * 1e-6, num_runs)
        return np.array([self._work_us(sample_us) for sample_us in samples_us.tolist()])

    def rest(self, duration_s: float) -> None:
        """Lets the phone cool."""
        self._approach(0.0, duration_s)

    def _bursts(self, duration_s: float, num_runs: int) -> np.ndarray:
        """Returns float64[num_runs] factors: what else runs on the phone meanwhile."""
        noise, rng = self._noise, self._rng
        factors = np.ones(num_runs)
        for begin_s in rng.uniform(0, duration_s, rng.poisson(noise.burst_rate_hz * duration_s)):
            begin = int(begin_s / duration_s * num_runs)
            length = max(1, round(rng.exponential(noise.burst_s) / duration_s * num_runs))
            factors[begin : begin + length] *= rng.uniform(1, noise.burst_slowdown)
        return factors

    def _work_us(self, cool_us: float) -> float:
        """Returns what a run takes at the clock that the heat allows."""
        noise = self._noise
        if not self.is_throttled:
            self._approach(noise.equilibrium, cool_us * 1e-6)
            return cool_us
        taken_us = cool_us * noise.throttled
        self._approach(noise.equilibrium * noise.throttled_heating, taken_us * 1e-6)
        return taken_us

    def _approach(self, target: float, duration_s: float) -> None:
        self._heat += (target - self._heat) * -math.expm1(-duration_s / self._noise.heating_s)
        if self._heat > 1:
            self.is_throttled = True
        elif self._heat < self._noise.resume:
            self.is_throttled = False
