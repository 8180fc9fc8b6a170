"""The process: started, renewed, succeeded, drained. `serving` runs `daemon`, which owns all."""
