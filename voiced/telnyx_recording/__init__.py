"""Telnyx's own recording of a call: having it made, and fetching it before its address dies."""

from voiced.telnyx_recording.fetcher import FETCHES_FILE, RecordingFetcher
from voiced.telnyx_recording.leg_recording import LegRecording

__all__ = ["FETCHES_FILE", "LegRecording", "RecordingFetcher"]
