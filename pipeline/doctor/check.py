"""One thing that was looked at."""

import dataclasses
from typing import Literal

State = Literal["fine", "note", "broken"]


@dataclasses.dataclass(frozen=True)
class Check:
    """What was found about one thing.

    Attributes:
      subject: What was looked at.
      state: "fine"; "note" where something optional is missing or slower than need be; "broken"
        where something will not work.
      found: What is there.
      remedy: What to do; "" where nothing has to be done.
    """

    subject: str
    state: State
    found: str
    remedy: str = ""
