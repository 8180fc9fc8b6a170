"""The configuration: config.toml, the environment and systemd credentials, as one frozen value.

`tables` says which keys there are, `rules` how they hang together, `load` reads them. Everybody
else takes a `Config`, or the one table they need, and reads attributes.
"""

from voiced.config.address import Bind, is_loopback, parse_bind
from voiced.config.load import load_config, parse_config
from voiced.config.tables import (
    MEDIA_PATH,
    WEBHOOK_PATH,
    AdminConfig,
    CallConfig,
    Config,
    LogConfig,
    MediaConfig,
    OutboundConfig,
    ProviderConfig,
    RecordingConfig,
    RecordsConfig,
    ServerConfig,
    TelnyxConfig,
)
from voiced.errors import ConfigError

__all__ = [
    "MEDIA_PATH",
    "WEBHOOK_PATH",
    "AdminConfig",
    "Bind",
    "CallConfig",
    "Config",
    "ConfigError",
    "LogConfig",
    "MediaConfig",
    "OutboundConfig",
    "ProviderConfig",
    "RecordingConfig",
    "RecordsConfig",
    "ServerConfig",
    "TelnyxConfig",
    "is_loopback",
    "load_config",
    "parse_bind",
    "parse_config",
]
