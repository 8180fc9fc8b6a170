"""A disk that does as it is told."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio


@dataclass
class Disk:
    """Runs blocking work inline: after `delay_s`, or failing with `error`; counts the works."""

    delay_s: float = 0.0
    error: OSError | None = None
    works: list[str] = field(default_factory=list)

    async def run_sync(self, work, *args) -> Any:
        await trio.sleep(self.delay_s)
        self.works.append(getattr(work, "__name__", ""))
        if self.error is not None:
            raise self.error
        return work(*args)


@pytest.fixture
def disk():
    return Disk()
