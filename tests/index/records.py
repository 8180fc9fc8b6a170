"""Records of calls that never were."""

import json

STARTED = "2026-11-22T10:{minute:02}:00.000+00:00"


def record(ref, minute=0, **changes):
    return {
        "format": 1,
        "call_id": f"v3:{ref}",
        "ref": ref,
        "direction": "incoming",
        "via": "call_control",
        "line": "",
        "from": "+13125550100",
        "to": "+13125550199",
        "started_at": STARTED.format(minute=minute),
        "state": "ended",
        "answered_after_s": 0.5,
        "duration_s": 30.0,
        "end": {"reason": "caller_hung_up", "evidence": "call.hangup"},
        "outcome": None,
        "hangup_confirmed": True,
        "turns": [
            {"who": "agent", "text": "How can I help you?", "latency_s": None},
            {"who": "caller", "text": "I would like a Table for two."},
            {"who": "agent", "text": "For when?", "latency_s": 0.7},
        ],
        **changes,
    }


def keep(root, document, name=""):
    """Write a record where the store would, and return its directory's name."""
    name = name or f"20261122T10-{document['ref']}"
    (root / name).mkdir(exist_ok=True)
    (root / name / "call.json").write_text(json.dumps(document))
    return name
