"""The settings, each with one name, one meaning and a default that works."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PREFIX = "HOLDALL_"
METRICS_HOST, METRICS_PORT = "127.0.0.1", 9464
"""Where metrics are served unless told otherwise: to nobody but this machine, on the port that OpenTelemetry uses."""
Positive = Annotated[int, Meta(gt=0)]
NotNegative = Annotated[int, Meta(ge=0)]


class SettingsError(Exception):
    """A setting has a value it cannot have; the message names the variable."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read from the environment: ``HOLDALL_`` and the field's name in capitals. See docs/reference/settings.md."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    base_url: str = ""
    data_dir: str = ".data"
    database_url: str = ""
    s3_bucket: str = ""
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_public_endpoint: str = ""
    s3_redirect_from: NotNegative = 0
    blobs_move_to: Literal["", "local", "s3"] = ""
    blobs_read_by: Literal["owner", "group"] = "owner"
    secret_key: str = ""
    encryption_key: str = ""
    encryption_key_file: str = ""
    encryption_plain: Literal["refuse", "allow"] = "refuse"
    backup_key: str = ""
    backup_key_file: str = ""
    backup_s3_endpoint: str = ""
    backup_s3_region: str = ""
    backup_s3_access_key: str = ""
    backup_s3_secret_key: str = ""
    rate_limit: Literal["on", "off"] = "on"
    calls_per_minute: Positive = 1200
    uploads_per_minute: Positive = 300
    sign_ins_per_minute: Positive = 30
    downloads_per_minute: Positive = 6000
    uploads_at_once: Positive = 64
    redis_url: str = ""
    limits_without_redis: str = ""
    cors_origins: str = ""
    trusted_proxies: str = ""
    send_file: str = ""
    max_upload_bytes: Positive = 5 << 30
    space_quota_bytes: NotNegative = 0
    space_quota_files: NotNegative = 0
    user_quota_bytes: NotNegative = 0
    user_quota_files: NotNegative = 0
    url_ttl_seconds: Positive = 86_400
    stall_seconds: Positive = 20
    body_seconds: Positive = 3600
    min_bytes_per_second: Positive = 2048
    inspector_processes: Positive = 2
    yara: Literal["on", "off"] = "on"
    rules_dir: str = ""
    clamav: str = ""
    clamav_max_bytes: Positive = 25 << 20
    clamav_seconds: Positive = 30
    unscanned: Literal["refuse", "allow"] = "refuse"
    quarantine_days: Positive = 90
    quarantine_max_bytes: Positive = 1 << 30
    quarantine_max_files: Positive = 10_000
    max_image_pixels: Positive = 50_000_000
    max_image_frames: Positive = 100
    max_animated_pixels: Positive = 30_000_000
    max_package_members: Positive = 2000
    max_unpacked_bytes: Positive = 512 << 20
    max_unpacked_ratio: Positive = 200
    bika_images: str = ""
    bika_findings: str = ""
    pika_images: str = ""
    pika_findings: str = ""
    pika_image_bytes: Positive = 5 << 20
    pika_document_bytes: Positive = 10 << 20
    pika_strict_entities: Literal["on", "off"] = "off"
    pika_frontend: str = ""
    avatar_box: Annotated[int, Meta(ge=64, le=8192)] = 1024
    image_box: Annotated[int, Meta(ge=64, le=16384)] = 4096
    webhook_allow: str = ""
    jobs: Literal["here", "worker"] = "here"
    strip_location: Literal["on", "off"] = "off"
    delete_grace_days: Annotated[int, Meta(ge=0)] = 7
    unattached_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    pending_grace_seconds: Annotated[int, Meta(ge=0)] = 3600
    scrub_mib_per_second: NotNegative = 10
    scrub_days: Positive = 30
    log_days: Annotated[int, Meta(gt=0, le=36_500)] = 90
    log_rows: Positive = 10_000_000
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "lines"] = "json"
    metrics: str = "off"
    tracing: str = "off"
    ready_free_bytes: NotNegative = 256 << 20
    stop_delay_seconds: NotNegative = 0

    @property
    def site_url(self) -> str:
        """Where clients reach this server; every link in an answer starts with it, whatever Host they sent."""
        return self.base_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Where metrics are served; ``None``: nowhere.

        Raises:
            SettingsError: it is no address.

        """
        if self.metrics == "off":
            return None
        if self.metrics == "on":
            return METRICS_HOST, METRICS_PORT
        host, colon, port = self.metrics.rpartition(":")
        if not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
            raise SettingsError(f"{PREFIX}METRICS: {self.metrics} is neither on, off nor host:port")
        return host.removeprefix("[").removesuffix("]"), int(port)

    @property
    def weakened(self) -> dict[str, str]:
        """The settings by which an operator does without a protection: the variables, and what they are set to."""
        return {f"{PREFIX}RATE_LIMIT": self.rate_limit} if self.rate_limit == "off" else {}

    @property
    def data(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data_dir).expanduser().absolute()

    @property
    def database(self) -> str:
        """The database to open: the one that is set, else a SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{self.data / 'holdall.sqlite3'}"

    @property
    def jobs_database(self) -> str:
        """Where the job engine keeps its books: beside the rows on PostgreSQL, else a file of its own."""
        is_file = self.database.startswith("sqlite")
        return f"sqlite:///{self.data / 'jobs.sqlite3'}" if is_file else self.database

    @property
    def blobs_place(self) -> str:
        """Where blobs are put: ``s3`` where there is a bucket, else ``local``; and while they move, where to."""
        return self.blobs_move_to or ("s3" if self.s3_bucket else "local")

    @property
    def is_encrypted(self) -> bool:
        """Whether files are encrypted where they lie."""
        return bool(self.encryption_key or self.encryption_key_file)


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment gives.

    Raises:
        SettingsError: a value does not fit, or a variable with our prefix is no setting (most likely misspelt).

    """
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
    unknown = sorted(set(given) - set(Settings.__struct_fields__))
    if unknown:
        raise SettingsError(f"{PREFIX}{unknown[0].upper()} is not a setting; see docs/reference/settings.md")
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        raise SettingsError(f"{PREFIX}{path.rstrip('`').upper()}: {reason}") from error
