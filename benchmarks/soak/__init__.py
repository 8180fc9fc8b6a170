"""Does anything grow? `python -m benchmarks.soak`, or `make soak`, lets calls run until it shows.

__main__      the command line
virtual       hours of calls on a virtual clock, the daemon's core and Telnyx in one process
real          minutes of calls on real sockets, the real program as a process of its own
callers       who calls, who is called, and what goes wrong; the agent
samples       what is measured at rest, and what may not have grown; pure
"""
