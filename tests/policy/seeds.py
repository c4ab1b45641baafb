"""Where the randomness of these tests starts."""

from __future__ import annotations

import os
import random


def chosen_seed() -> int:
    """1, so that the same code has the same answer; SYMBOLON_SEED is another, `random` a new one a run."""
    wanted = os.environ.get("SYMBOLON_SEED", "1")
    seed = random.SystemRandom().randrange(10**6) if wanted == "random" else int(wanted)
    print(f"SYMBOLON_SEED={seed}")
    return seed
