"""How many calls on one core? `python -m benchmarks`, or `make bench`, measures it.

    __main__      the command line
    plan          what is measured, in which order
    verdict       which runs are taken again, and whether a server was overloaded; pure
    servers       starts voiced, Pipecat and the floor, each pinned to one core
    rivals        the virtual environment of the servers that are not ours
    load          the telephone side: one process, pinned to another core
    telnyx_side   how a call begins and ends, as Telnyx does it
    frames        WebSocket frames, as far as the load needs them
    audio         what the callers say and what the servers speak
    analysis      from arrival times to gaps, delays and underruns; pure
    machine       CPU time, memory, and a description of the computer
    report        medians, ratios, the tables; pure
    agents        the work that voiced does; pipecat_server, floor_server: the same for the others

What is measured, and how, is told in docs/performance.md.
"""
