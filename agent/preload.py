"""Imported once by the fork server of the call processes: what all of them read and none writes.

The tables of understanding take seconds of processor and over 100 MB to load. Loaded here, every
call process has them from its first moment: what a ready one holds for itself alone (USS) fell from
230 to 20 MB (2026-11-22, two processes beside the fork server, Python 3.11).
"""

from __future__ import annotations

import gc

import agent.worker  # noqa: F401 -- call processes run it
from agent.tickets.records import warm_up
from agent.wiring import load_rules

load_rules()
warm_up()
# What is here stays: a collector that visited it would copy its pages into every process.
gc.collect()
gc.freeze()
