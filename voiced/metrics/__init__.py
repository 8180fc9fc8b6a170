"""What Prometheus is told: docs/metrics.md has every series.

One registry for each daemon, so that two in one process (tests) do not add up. Labels have few
values: no numbers of people, no ids, no words. Nothing is added to the way of a frame: journal
events are counted as they come, a call's own counters are read when somebody asks, and the rest is
taken from its record when it ends.
"""

from voiced.metrics.live import LiveCalls
from voiced.metrics.observer import CONTENT_TYPE, Metrics, Observers

__all__ = ["CONTENT_TYPE", "LiveCalls", "Metrics", "Observers"]
