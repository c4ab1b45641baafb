"""How many reads are worth having at once: as many as hide the latency, and none that only queues."""

from __future__ import annotations

import math
from collections import deque

_OBSERVED = 64
_AT_FIRST = 4
_PART_OF_LATENCY = 0.75
_HANGS_AT_FIRST_S = 5.0
_HANGS_AT_LEAST_S = 1.0
_HANGS_TIMES = 8


class Pace:
    """`connections` follows what reads were observed to take, and is at most `most`.

    Each read takes processor time of our own, one at a time: it is Python. So more than
    latency / own time at once would only wait for one another; and where they do, that is all the
    latency there is, so three quarters of it are aimed at, and their number falls. The latency is
    the shortest of late. It grows by one a read, as the first reads, which open connections too, take
    longer than those to come.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._latencies_s: deque[float] = deque(maxlen=_OBSERVED)
        self._own_s: deque[float] = deque(maxlen=_OBSERVED)
        self.connections = min(_AT_FIRST, most)

    @property
    def hangs_after_s(self) -> float:
        """A read that takes longer than this says nothing of the network, and keeps no place from others."""
        if not self._latencies_s:
            return _HANGS_AT_FIRST_S
        return max(_HANGS_AT_LEAST_S, _HANGS_TIMES * max(self._latencies_s))

    def observe(self, *, latency_s: float, own_s: float) -> None:
        """A read took so long, and so much of our own processor time."""
        self._latencies_s.append(latency_s)
        self._own_s.append(own_s)
        own_s = max(min(self._own_s), 1e-6)
        worth = max(2, math.ceil(_PART_OF_LATENCY * min(self._latencies_s) / own_s))
        self.connections = min(worth, self.connections + 1, self._most)
