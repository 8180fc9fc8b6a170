"""The commands that the emulated Telnyx performs, each with the keys that its body may hold.

Pure. From Telnyx's OpenAPI document of 2026-07-16; limits that only its prose names are from the
descriptions of the keys there. `dial` is `POST /v2/calls`, the others are actions of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a command's body.

    Attributes:
        kinds: the JSON types as Python types.
        values: what a text or number may be; empty for anything.
        lowest, highest: bounds of a number, or of each text's length.
        code: of the refusal of a number out of bounds.
        required: the command makes no sense without it.
        performed: False for what the emulator refuses although Telnyx can do it.
    """

    kinds: tuple[type, ...]
    values: tuple[str | int, ...] = ()
    lowest: int | None = None
    highest: int | None = None
    code: str = "10033"
    required: bool = False
    performed: bool = True


def _one_of(*values: str | int, required: bool = False) -> Key:
    return Key(kinds=(type(values[0]),), values=values, required=required)


def _number(lowest: int, highest: int | None = None, *, code: str = "10033") -> Key:
    return Key(kinds=(int,), lowest=lowest, highest=highest, code=code)


_TEXT = Key(kinds=(str,))
_NEEDED = Key(kinds=(str,), required=True)
_NUMBER = Key(kinds=(int,))
_FLAG = Key(kinds=(bool,))
_OBJECT = Key(kinds=(dict,))
_LIST = Key(kinds=(list,))
_ELSEWHERE = Key(kinds=(dict, str, bool), performed=False)
_TEXT_TO_SPEAK = Key(kinds=(str,), highest=3000, required=True)
_LOOP = Key(kinds=(str, int))
_FILE_NAME = Key(kinds=(str,), lowest=1, highest=40)

_STATE = {"client_state": _TEXT}
_COMMON = {**_STATE, "command_id": _TEXT}

_STREAM = {
    "stream_url": _TEXT,
    "stream_track": _one_of("inbound_track", "outbound_track", "both_tracks"),
    "stream_codec": _one_of("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16", "default"),
    "stream_bidirectional_mode": _one_of("mp3", "rtp"),
    "stream_bidirectional_codec": _one_of("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"),
    "stream_bidirectional_target_legs": _one_of("both", "self", "opposite"),
}
_STREAM_BY_ITSELF = {
    **_STREAM,
    "dialogflow_config": _ELSEWHERE,
    "enable_dialogflow": _ELSEWHERE,
    "stream_auth_token": Key(kinds=(str,), highest=4000),
    "stream_bidirectional_sampling_rate": _one_of(8000, 16000, 22050, 24000, 48000),
}
_RECORD = {
    "record": _one_of("record-from-answer"),
    "record_channels": _one_of("single", "dual"),
    "record_custom_file_name": _FILE_NAME,
    "record_format": _one_of("wav", "mp3"),
    "record_max_length": _number(0, 14400),
    "record_timeout_secs": _number(0, code="90049"),
    "record_track": _one_of("both", "inbound", "outbound"),
    "record_trim": _one_of("trim-silence"),
}
_WEBHOOKS = {
    "webhook_retries_policies": _ELSEWHERE,
    "webhook_url": _TEXT,
    "webhook_url_method": _one_of("POST", "GET"),
    "webhook_urls": _ELSEWHERE,
    "webhook_urls_method": _one_of("POST", "GET"),
}
_SIP = {"custom_headers": _LIST, "sip_headers": _LIST}
_NEW_LEG = {
    **_COMMON,
    **_RECORD,
    **_SIP,
    **_WEBHOOKS,
    "answering_machine_detection": _one_of(
        "premium", "detect", "detect_beep", "detect_words", "greeting_end", "disabled"
    ),
    "answering_machine_detection_config": _OBJECT,
    "audio_url": _TEXT,
    "from_display_name": Key(kinds=(str,), highest=128),
    "media_encryption": _one_of("disabled", "SRTP", "DTLS"),
    "media_name": _TEXT,
    "park_after_unbridge": _TEXT,
    "preferred_codecs": _TEXT,
    "privacy": _one_of("id", "none"),
    "send_digits_on_answer": _TEXT,
    "sip_auth_password": _TEXT,
    "sip_auth_username": _TEXT,
    "sip_region": _one_of("US", "Europe", "Canada", "Australia", "Middle East"),
    "sip_transport_protocol": _one_of("UDP", "TCP", "TLS"),
    "sound_modifications": _OBJECT,
    "time_limit_secs": _number(30, 14400, code="90029"),
    "timeout_secs": _number(5, 600, code="90028"),
}
_GATHER = {
    **_COMMON,
    "inter_digit_timeout_millis": _number(1, code="90026"),
    "maximum_digits": _number(1, 128, code="90023"),
    "minimum_digits": _number(1, 128, code="90022"),
    "terminating_digit": _TEXT,
    "timeout_millis": _number(1, code="90025"),
    "valid_digits": _TEXT,
}
_RECORDING_NAMED = {**_COMMON, "recording_id": _TEXT}
_MUTE_DTMF = _one_of("none", "both", "self", "opposite")

# fmt: off
_LANGUAGES = (
    "arb", "cmn-CN", "cy-GB", "da-DK", "de-DE", "en-AU", "en-GB", "en-GB-WLS", "en-IN", "en-US",
    "es-ES", "es-MX", "es-US", "fr-CA", "fr-FR", "hi-IN", "is-IS", "it-IT", "ja-JP", "ko-KR",
    "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE", "tr-TR",
)
_RINGTONES = (
    "at", "au", "be", "bg", "br", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr",
    "hu", "il", "in", "it", "jp", "lt", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se",
    "sg", "th", "tw", "uk", "us-old", "us", "ve", "za",
)
_SUPPRESSORS = (
    "Denoiser", "DeepFilterNet", "Krisp", "AiCoustics", "aic_l_quail", "aic_l_rook", "aic_s_quail",
    "aic_s_rook", "quail_voice_focus_s", "quail_voice_focus_xs",
)
# fmt: on
_VOICE = {
    "language": _one_of(*_LANGUAGES),
    "payload_type": _one_of("text", "ssml"),
    "service_level": _one_of("basic", "premium"),
    "voice": _NEEDED,
    "voice_settings": _OBJECT,
}

COMMANDS: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "dial": {
            **_NEW_LEG,
            **_STREAM_BY_ITSELF,
            "assistant": _ELSEWHERE,
            "billing_group_id": _TEXT,
            "bridge_intent": _FLAG,
            "bridge_on_answer": _FLAG,
            "conference_config": _ELSEWHERE,
            "connection_id": _NEEDED,
            "conversation_relay_config": _ELSEWHERE,
            "deepfake_detection": _ELSEWHERE,
            "from": _NEEDED,
            "link_to": _TEXT,
            "prevent_double_bridge": _FLAG,
            "retry_on_timeout": _FLAG,
            "send_silence_when_idle": _FLAG,
            "stream_establish_before_call_originate": _FLAG,
            "supervise_call_control_id": _ELSEWHERE,
            "supervisor_role": _one_of("barge", "whisper", "monitor"),
            "to": Key(kinds=(str, list), required=True),
            "transcription": _ELSEWHERE,
            "transcription_config": _OBJECT,
        },
        "answer": {
            **_COMMON,
            **_STREAM,
            **_RECORD,
            **_SIP,
            **_WEBHOOKS,
            "assistant": _ELSEWHERE,
            "billing_group_id": _TEXT,
            "conversation_relay_config": _ELSEWHERE,
            "deepfake_detection": _ELSEWHERE,
            "preferred_codecs": _TEXT,
            "send_silence_when_idle": _FLAG,
            "sound_modifications": _OBJECT,
            "transcription": _ELSEWHERE,
            "transcription_config": _OBJECT,
        },
        "reject": {**_COMMON, "cause": _one_of("CALL_REJECTED", "USER_BUSY", required=True)},
        "hangup": {**_COMMON, "custom_headers": _LIST},
        "client_state_update": {"client_state": _NEEDED},
        "streaming_start": {**_COMMON, **_STREAM_BY_ITSELF, "custom_parameters": _LIST},
        "streaming_stop": {**_COMMON, "stream_id": _TEXT},
        "speak": {
            **_COMMON,
            **_VOICE,
            "loop": _LOOP,
            "payload": _TEXT_TO_SPEAK,
            "stop": _TEXT,
            "target_legs": _one_of("self", "opposite", "both"),
        },
        "playback_start": {
            **_COMMON,
            "audio_type": _one_of("mp3", "wav"),
            "audio_url": _TEXT,
            "cache_audio": _FLAG,
            "loop": _LOOP,
            "media_name": _TEXT,
            "overlay": _FLAG,
            "playback_content": _TEXT,
            "stop": _TEXT,
            "target_legs": _TEXT,
        },
        "playback_stop": {**_COMMON, "overlay": _FLAG, "stop": _TEXT},
        "transfer": {
            **_NEW_LEG,
            "early_media": _FLAG,
            "from": _TEXT,
            "mute_dtmf": _MUTE_DTMF,
            "target_leg_client_state": _TEXT,
            "to": _NEEDED,
        },
        "bridge": {
            **_COMMON,
            **_RECORD,
            "call_control_id": _NEEDED,
            "hold_after_unbridge": _ELSEWHERE,
            "mute_dtmf": _MUTE_DTMF,
            "park_after_unbridge": _TEXT,
            "play_ringtone": _FLAG,
            "prevent_double_bridge": _FLAG,
            "queue": Key(kinds=(str,), performed=False),
            "ringtone": _one_of(*_RINGTONES),
            "video_room_context": Key(kinds=(str,), performed=False),
            "video_room_id": Key(kinds=(str,), performed=False),
        },
        "refer": {
            **_COMMON,
            **_SIP,
            "sip_address": _NEEDED,
            "sip_auth_password": _TEXT,
            "sip_auth_username": _TEXT,
        },
        "send_dtmf": {
            **_COMMON,
            "digits": _NEEDED,
            "duration_millis": _number(100, 500, code="90027"),
        },
        "gather": {
            **_GATHER,
            "gather_id": _FILE_NAME,
            "initial_timeout_millis": _number(1, code="90056"),
        },
        "gather_using_speak": {
            **_GATHER,
            **_VOICE,
            "invalid_payload": _TEXT,
            "maximum_tries": _number(1, code="90024"),
            "payload": _TEXT_TO_SPEAK,
        },
        "gather_using_audio": {
            **_GATHER,
            "audio_url": _TEXT,
            "invalid_audio_url": _TEXT,
            "invalid_media_name": _TEXT,
            "maximum_tries": _number(1, code="90024"),
            "media_name": _TEXT,
        },
        "gather_stop": _COMMON,
        "record_start": {
            **_COMMON,
            "channels": _one_of("single", "dual", required=True),
            "custom_file_name": _FILE_NAME,
            "format": _one_of("wav", "mp3", required=True),
            "max_length": _number(0, 14400),
            "play_beep": _FLAG,
            "recording_track": _one_of("both", "inbound", "outbound"),
            "timeout_secs": _number(0, code="90028"),
            "transcription": Key(kinds=(bool,), performed=False),
            "transcription_engine": _one_of("A", "B", "deepgram/nova-3"),
            "transcription_language": _TEXT,
            "transcription_max_speaker_count": _NUMBER,
            "transcription_min_speaker_count": _NUMBER,
            "transcription_profanity_filter": _FLAG,
            "transcription_speaker_diarization": _FLAG,
            "trim": _one_of("trim-silence"),
        },
        "record_stop": _RECORDING_NAMED,
        "record_pause": _RECORDING_NAMED,
        "record_resume": _RECORDING_NAMED,
        "suppression_start": {
            **_COMMON,
            "direction": _one_of("inbound", "outbound", "both"),
            "noise_suppression_engine": _one_of(*_SUPPRESSORS),
            "noise_suppression_engine_config": _OBJECT,
        },
        "suppression_stop": _COMMON,
    }
)
