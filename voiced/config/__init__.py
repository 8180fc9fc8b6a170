"""The configuration: config.toml, the environment and systemd credentials, as one frozen value.

`tables` says which keys there are, `rules` how they hang together, `load` reads them. Everybody
else takes a `Config`, or the one table they need, and reads attributes.
"""

from voiced.address import Bind, is_loopback, parse_bind
from voiced.config.lines import InboundConfig, LineConfig, OutboundConfig, TransferConfig
from voiced.config.load import load_admin, load_config, load_records, load_server, parse_config
from voiced.config.table import ProviderConfig
from voiced.config.tables import (
    MEDIA_PATH,
    TEXML_PATH,
    TEXML_STATUS_PATH,
    WEBHOOK_PATH,
    AdminConfig,
    CallConfig,
    Config,
    LogConfig,
    MediaConfig,
    PostCallConfig,
    RecordingConfig,
    RecordsConfig,
    ServerConfig,
    StaffConfig,
    TelnyxConfig,
    TracingConfig,
)
from voiced.config.turns import BudgetsConfig, SpeechConfig, TurnsConfig
from voiced.errors import ConfigError

__all__ = [
    "MEDIA_PATH",
    "TEXML_PATH",
    "TEXML_STATUS_PATH",
    "WEBHOOK_PATH",
    "AdminConfig",
    "Bind",
    "BudgetsConfig",
    "CallConfig",
    "Config",
    "ConfigError",
    "InboundConfig",
    "LineConfig",
    "LogConfig",
    "MediaConfig",
    "OutboundConfig",
    "PostCallConfig",
    "ProviderConfig",
    "RecordingConfig",
    "RecordsConfig",
    "ServerConfig",
    "SpeechConfig",
    "StaffConfig",
    "TelnyxConfig",
    "TracingConfig",
    "TransferConfig",
    "TurnsConfig",
    "is_loopback",
    "load_admin",
    "load_config",
    "load_records",
    "load_server",
    "parse_bind",
    "parse_config",
]
