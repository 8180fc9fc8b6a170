"""What is behind the dashboard's pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiced.dashboard.audience import Audience
    from voiced.dashboard.files import CallFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """`audience`: who looks, and at what; `files`: what calls have left on the disk."""

    audience: Audience
    files: CallFiles
