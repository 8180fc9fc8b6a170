"""`voiced simulate`: a spoken conversation on this machine, with neither account nor network.

It starts an emulated Telnyx, a daemon in the same process, both on real loopback sockets, and a
caller who speaks; prints the conversation as it happens; and leaves a stereo recording and a
picture of it. With `--against` the daemon is one that runs already.
"""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from voiced.errors import ConfigError, Problem
from voiced.explain.waits import interruption_table, wait_table
from voiced.log import configure_logging
from voiced.picture import picture_svg
from voiced.progress import telling
from voiced.server.daemon import open_daemon
from voiced.testing.caller import ScriptedCaller
from voiced.testing.emulator import Account, EmulatedTelnyx, open_emulator
from voiced.testing.fault_plans import FAULT_PLANS
from voiced.testing.faulty import in_front_of
from voiced.testing.local import local_config, read_config, speak_as_telnyx
from voiced.testing.network import open_loopback
from voiced.testing.provider_plans import PROVIDER_PLANS
from voiced.testing.script import CallerScript, ScriptLine, load_script, speak_script
from voiced.testing.speech import write_recording
from voiced.testing.story import (
    Teller,
    draw,
    find_faults,
    latency_summary,
    underrun_summary,
    write_line,
)
from voiced.testing.telnyx_api.rest import serve_api
from voiced.testing.webhooks import load_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from voiced.config import Config
    from voiced.testing.caller import Line
    from voiced.testing.report import CallReport
    from voiced.testing.story import Story

DEFAULT_SCRIPT = "booking"
STAGGER_S = 0.1
"""Between the rings of calls that run at once."""

LATE_S = 0.05
"""An emulator that is later than this with a 20 ms step spoils the figures, and says so."""

_WEBHOOK_PATH = "/telnyx/webhook"
_WARM_S = 10.0
"""For the recognizer to load its vocabulary: no turn shall wait for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """What to simulate.

    Attributes:
        config: configuration of the daemon; None for ./config.toml or the built-in defaults.
        wav: recordings that the caller plays, one for each turn.
        say: texts that the caller says, after the recordings.
        script: what the caller says, as a file; the shipped one if nothing is given at all.
        calls: how many calls at once.
        against: public URL of a daemon that runs already; None starts one.
        output: folder for recording and picture; None for `simulated/<time>`.
        faults: name of a fault plan; "help" lists them.
        api_bind: where the REST API listens, for a daemon that runs already.
        key: file with the key that signs webhooks for such a daemon; made when missing.
    """

    config: Path | None = None
    wav: tuple[Path, ...] = ()
    say: tuple[str, ...] = ()
    script: Path | None = None
    calls: int = 1
    against: str | None = None
    output: Path | None = None
    faults: str | None = None
    api_bind: str = "127.0.0.1:18080"
    key: Path = field(default=Path("simulate-key.pem"))


async def run(options: SimulateOptions) -> int:
    """Simulate; returns 0 when every call went right, else 1.

    Raises:
        ConfigError: options, configuration, script or recordings cannot be used.
        StartupError: a voice or a port is missing.
        SynthesizerFailed: a line of the caller could not be spoken.
    """
    await trio.lowlevel.checkpoint()
    if options.faults == "help":
        said = {name: plan.says for name, plan in FAULT_PLANS.items()}
        said |= {name: plan.says for name, plan in PROVIDER_PLANS.items()}
        for name, says in said.items():
            write_line(f"{name:23} {says}")
        return 0
    _check(options)
    lines = await speak_script(_script(options))
    folder = options.output or Path("simulated") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    _make(folder)
    teller = Teller(numbered=options.calls > 1)
    async with _open_side(options, teller, folder) as telnyx:
        reports = await _ring_all(telnyx, lines, options)
    for number, report in enumerate(reports, start=1):
        suffix = f"-{number:03}" if options.calls > 1 else ""
        _save(report, teller, folder, suffix)
    disturbed = options.faults not in (None, "none")
    return _conclude(reports, teller, folder, disturbed=disturbed)


# -- what is simulated ------------------------------------------------------------------------


def _check(options: SimulateOptions) -> None:
    problems = []
    if options.faults not in (None, *FAULT_PLANS, *PROVIDER_PLANS):
        remedy = "`--faults help` lists them"
        reason = "there is no such fault plan"
        problems.append(
            Problem(key="--faults", value=str(options.faults), reason=reason, remedy=remedy)
        )
    if options.faults in PROVIDER_PLANS and options.against is not None:
        reason = "is about providers, and those of a daemon that runs already are its own"
        problems.append(Problem(key="--faults", value=str(options.faults), reason=reason))
    if options.calls < 1:
        problems.append(
            Problem(key="--calls", value=str(options.calls), reason="must be 1 or more")
        )
    if options.script is not None and (options.say or options.wav):
        reason = "cannot go with --say or --wav"
        problems.append(Problem(key="--script", value=str(options.script), reason=reason))
    if options.against is not None and urlsplit(options.against).scheme not in ("http", "https"):
        reason = "must be an http:// or https:// URL"
        problems.append(Problem(key="--against", value=options.against, reason=reason))
    if problems:
        raise ConfigError(problems)


def _script(options: SimulateOptions) -> CallerScript:
    if options.say or options.wav:
        spoken = (ScriptLine(wav=path) for path in options.wav)
        return CallerScript(lines=(*spoken, *(ScriptLine(say=text) for text in options.say)))
    return load_script(options.script or DEFAULT_SCRIPT)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Problem(key="--output", value=str(folder), reason=reason)]) from error


# -- both sides -------------------------------------------------------------------------------


@asynccontextmanager
async def _open_side(
    options: SimulateOptions, teller: Teller, folder: Path
) -> AsyncIterator[EmulatedTelnyx]:
    """Open the emulated Telnyx and see to it that there is a daemon for it to ring."""
    account = Account(speaker=speak_as_telnyx, observer=teller.telnyx)
    if options.against is not None:
        # Calls with names of their own: the daemon remembers those of the last simulation.
        salt = secrets.token_hex(8)
        account = replace(account, signing_key=load_key(options.key), salt=salt)
    bind = options.api_bind if options.against is not None else "127.0.0.1:0"
    async with (
        telling("getting ready") as is_ready,
        open_loopback() as network,
        open_emulator(network, account=account) as telnyx,
        serve_api(telnyx.app, bind=bind) as api_url,
    ):
        if options.against is not None:
            telnyx.webhook_url = _webhook_url(options.against)
            is_ready.set()
            _say_what_to_set(telnyx, api_url)
            yield telnyx
            return
        teller.sees_daemon = True
        config = _disturbed(read_config(options.config), options.faults)
        config = local_config(config, telnyx, api_url, folder)
        configure_logging("warning", config.log.format)
        async with open_daemon(config, observer=teller.daemon) as daemon:
            telnyx.webhook_url = f"http://{daemon.public.address}{_WEBHOOK_PATH}"
            with trio.move_on_after(_WARM_S):  # as a daemon on its VM has been for hours
                await daemon.warm.wait()
            is_ready.set()
            yield telnyx


def _disturbed(config: Config, faults: str | None) -> Config:
    """Return `config` with the faulty providers that the plan `faults` has, if it has any."""
    plan = PROVIDER_PLANS.get(faults or "")
    return config if plan is None else in_front_of(config, plan.troubles)


def _webhook_url(public_url: str) -> str:
    parts = urlsplit(public_url)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or _WEBHOOK_PATH}"


def _say_what_to_set(telnyx: EmulatedTelnyx, api_url: str) -> None:
    write_line("the daemon must run with these settings:")
    write_line(f"  TELNYX_API_BASE={api_url}")
    write_line(f"  TELNYX_API_KEY={telnyx.api_key}")
    write_line(f"  TELNYX_PUBLIC_KEY={telnyx.public_key}")


# -- calls and what they leave ----------------------------------------------------------------


async def _ring_all(
    telnyx: EmulatedTelnyx, lines: Sequence[Line], options: SimulateOptions
) -> list[CallReport]:
    """Ring as often as asked, a moment apart; each caller says the same."""
    plan = FAULT_PLANS.get(options.faults or "none", FAULT_PLANS["none"])
    reports: dict[int, CallReport] = {}

    async def ring(number: int) -> None:
        await trio.sleep((number - 1) * STAGGER_S)
        caller = ScriptedCaller(lines)
        from_ = f"+1312555{100 + number % 9900:04}"
        reports[number] = await telnyx.ring(caller, from_=from_, faults=plan.faults)

    async with trio.open_nursery() as nursery:
        for number in range(1, options.calls + 1):
            nursery.start_soon(ring, number, name=f"ring {number}")
    return [reports[number] for number in sorted(reports)]


def _save(report: CallReport, teller: Teller, folder: Path, suffix: str) -> None:
    write_recording(folder / f"call{suffix}.wav", caller=report.spoken, agent=report.heard)
    picture = picture_svg(draw(report, teller.story(report.call_control_id)))
    (folder / f"timeline{suffix}.svg").write_text(picture, encoding="utf-8")


def _conclude(
    reports: Sequence[CallReport], teller: Teller, folder: Path, *, disturbed: bool
) -> int:
    """Say how it went; returns the exit code."""
    write_line()
    faults = [find_faults(report, disturbed=disturbed) for report in reports]
    if len(reports) == 1:
        _tell_one(reports[0], teller, faults[0])
    else:
        _tell_many(reports, teller, faults)
    late_s = max(report.worst_lateness_s for report in reports)
    if late_s > LATE_S:
        late = f"the emulator itself was late by up to {late_s * 1000:.0f} ms"
        write_line(f"note:  {late}: this machine is busy, and the figures are partly its own")
    write_line(f"recording and timeline: {folder}")
    return 1 if any(faults) else 0


def _tell_one(report: CallReport, teller: Teller, faults: Sequence[str]) -> None:
    story = teller.story(report.call_control_id)
    reason = f", {story.end_reason}" if story is not None and story.end_reason else ""
    write_line(f"ended: {report.ended_by} hung up ({report.cause}{reason})")
    write_line(f"turns: {latency_summary([report])}")
    _tell_times([story] if story is not None else [])
    write_line(f"audio: {underrun_summary(report)}, at most {_ahead(report)} queued at Telnyx")
    for note in report.notes:
        write_line(f"note:  {note}")
    for fault in faults:
        write_line(f"WRONG: {fault}")


def _tell_many(
    reports: Sequence[CallReport], teller: Teller, faults: Sequence[Sequence[str]]
) -> None:
    write_line("call  seconds  turns  median s  longest s  underruns  ended by  result")
    for number, (report, wrong) in enumerate(zip(reports, faults, strict=True), start=1):
        latencies = sorted(turn.latency_s for turn in report.turns)
        median = f"{latencies[len(latencies) // 2]:.2f}" if latencies else "-"
        longest = f"{latencies[-1]:.2f}" if latencies else "-"
        result = "fine" if not wrong else f"WRONG: {wrong[0]}"
        write_line(
            f"{number:4}  {report.ended_s:7.1f}  {len(latencies):5}  {median:>8}  {longest:>9}  "
            f"{report.playback.underruns:9}  {report.ended_by:8}  {result}"
        )
    write_line(f"turns: {latency_summary(reports)}")
    stories = (teller.story(report.call_control_id) for report in reports)
    _tell_times([story for story in stories if story is not None])


def _tell_times(stories: Sequence[Story]) -> None:
    """Print how long the callers waited for answers, and for silence when they interrupted."""
    for line in wait_table([wait for story in stories for wait in story.waits]):
        write_line(line)
    for line in interruption_table([one for story in stories for one in story.barge_ins]):
        write_line(line)


def _ahead(report: CallReport) -> str:
    return f"{report.playback.max_queue_s * 1000:.0f} ms"
