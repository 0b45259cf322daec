"""Every setting, with a default that runs a laptop. `docs/settings.md` describes each; a test says so."""

import ipaddress
import os
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource


def split_list(listed: str | None) -> list[str]:
    """The words of a comma-separated setting."""
    return [word for word in (part.strip() for part in (listed or "").split(",")) if word]


WEAK_SECRET_CHARACTERS = 32
"""A secret shorter than this is refused in production: 32 random characters are at least 128 bits."""


class Settings(BaseSettings):
    """Read from the environment (`FRONTDESK_*`), then from the YAML file that `FRONTDESK_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_", frozen=True, extra="ignore")

    env: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=2, ge=1, le=64)
    data_dir: Path = Path(".data")
    tls_cert: Path | None = None  # PEM; with tls_key the service itself speaks HTTPS
    tls_key: Path | None = None
    trusted_proxies: str | None = None  # addresses and CIDR blocks whose X-Forwarded-* headers are believed
    allowed_hosts: str | None = None  # names to answer to; None: any
    cors_origins: str | None = None  # web pages of other origins that may call; None: none
    body_timeout: timedelta = timedelta(seconds=20)  # for a request's body to arrive
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    database_url: SecretStr | None = None  # None: the embedded server under data_dir
    owner_database_url: SecretStr | None = None  # None: database_url; who owns the tables: migrations, worker, commands
    redis_url: str | None = None  # None: the embedded Valkey under data_dir; redis://, redis+cluster://; or "off"
    pool_size: int = Field(default=10, ge=2, le=200)  # connections a server worker holds at most
    statement_timeout: timedelta = timedelta(seconds=15)
    lock_timeout: timedelta = timedelta(seconds=3)  # for a lock that somebody else holds

    field_keys: SecretStr | None = None  # for encrypted columns, the newest first; None: derived from the secret
    secret: SecretStr | None = None  # None: generated under data_dir; required in production
    access_token_ttl: timedelta = timedelta(minutes=15)
    refresh_token_ttl: timedelta = timedelta(days=30)
    browser_session_ttl: timedelta = timedelta(hours=12)
    password_reset_ttl: timedelta = timedelta(minutes=30)
    contact_code_ttl: timedelta = timedelta(minutes=10)
    public_url: str | None = None  # where browsers find the service; None: http://localhost and the port
    second_factor_roles: str | None = None  # whose log-in needs a second factor: "admin,staff"
    notifications: Literal["file", "off"] = "file"  # where messages go that no server is set for
    smtp_url: SecretStr | None = None  # smtp://user:password@host:587 (STARTTLS), smtps://…
    mail_from: str = "Frontdesk <frontdesk@localhost>"
    sms_url: SecretStr | None = None  # an Apprise address with {to}, where the number goes: "twilio://…/{to}"
    push_url: SecretStr | None = None  # an Apprise address with {to}, a name of the patient; None: web push
    push_subscribe_url: str | None = None  # the page with {to} where a patient subscribes to what push_url sends
    delivery_timeout: timedelta = timedelta(seconds=30)  # for one message to be taken; after twice that others may try

    broker_url: str = Field(default="postgres:", repr=False)  # the outbox itself; or kafka://host:port, amqp://host
    topic_prefix: str = ""  # before the names of topics, queues and exchanges at a broker that others use too
    event_retention: timedelta = Field(default=timedelta(days=30), ge=timedelta(days=1))  # how long events are kept

    stream_listeners: int = Field(default=2000, ge=1, le=50_000)  # streams that a server worker keeps open at most
    streams_per_client: int = Field(default=20, ge=1, le=50_000)  # of these, for one user or anonymous address

    rate_limits: bool = True
    rate_window: timedelta = Field(default=timedelta(minutes=1), ge=timedelta(seconds=1), le=timedelta(days=1))
    rate_anonymous: int = Field(default=600, ge=1, le=1_000_000)  # calls in a window, from one address without a log-in
    rate_user: int = Field(default=6000, ge=1, le=1_000_000)  # calls in a window, of one user
    rate_login: int = Field(default=10, ge=1, le=1_000_000)  # log-ins in a window, to one account and from one address

    demo: bool = True  # `make run` fills an empty database with the demo
    demo_seed: int = 20_260

    hold_ttl: timedelta = timedelta(minutes=10)
    offer_ttl: timedelta = Field(default=timedelta(minutes=30), ge=timedelta(minutes=2), le=timedelta(days=7))
    # A time that is offered in place of a displaced visit is held so long at most.
    alternatives_ttl: timedelta = Field(default=timedelta(hours=4), ge=timedelta(minutes=2), le=timedelta(days=7))
    # Patients check in by page from so long before the visit; 0: at the desk alone.
    check_in_before: timedelta = Field(default=timedelta(hours=1), ge=timedelta(0), le=timedelta(hours=12))
    offers_missed: int = Field(default=3, ge=1, le=100)  # offers in a row without an answer end a place on the waitlist
    holds_per_client: int = Field(default=3, ge=1, le=100)
    overbook_lanes: int = Field(default=1, ge=0, le=9)  # overbookings of one provider at one moment; 0 forbids them
    overrides_per_day: int = Field(default=20, ge=0, le=1000)  # visits of a provider's day that may break a rule
    telehealth_url: str = "https://meet.jit.si/{meeting}"  # where a telehealth visit takes place
    map_url: str = "https://www.openstreetmap.org/search?query={place}"  # the way to a clinic, by its address
    care_before: timedelta = timedelta(days=730)  # a provider cares for whom they saw so long ago at most
    care_after: timedelta = timedelta(days=365)  # or will see within
    adult_age: int = Field(default=18, ge=14, le=25)  # years; from that birthday on no parent acts for a patient
    break_glass_for: timedelta = timedelta(minutes=60)  # how long a broken glass lets anybody read, at most
    retention: timedelta = timedelta(days=3650)  # how long the law keeps a clinical record after the last visit
    idempotency_ttl: timedelta = timedelta(hours=24)
    worker_interval: timedelta = timedelta(seconds=5)  # the background worker's pause between rounds

    @model_validator(mode="after")
    def _production_brings_its_own_secret(self) -> "Settings":
        if self.env == "production":
            if self.secret is None:
                raise ValueError("secret must be set when env is production (FRONTDESK_SECRET)")
            value = self.secret.get_secret_value()
            if len(value) < WEAK_SECRET_CHARACTERS or len(set(value)) < 10:
                raise ValueError(f"secret is too weak: give at least {WEAK_SECRET_CHARACTERS} random characters")
        return self

    @model_validator(mode="after")
    def _production_guards_its_database(self) -> "Settings":
        for name in ("database_url", "owner_database_url"):
            url = getattr(self, name)
            if self.env == "production" and url is not None and _guessable(url.get_secret_value()):
                raise ValueError(f"the password in {name} is the first that anybody tries: take a random one")
        return self

    @property
    def owner_dsn(self) -> str:
        """Where migrations, the background worker and the commands connect; "" when no database is set."""
        url = self.owner_database_url or self.database_url
        return url.get_secret_value() if url else ""

    @field_validator("field_keys")
    @classmethod
    def _strong_keys(cls, value: SecretStr | None) -> SecretStr | None:
        for key in split_list(value.get_secret_value() if value else None):
            if len(key) < WEAK_SECRET_CHARACTERS or len(set(key)) < 10:
                raise ValueError(f"each key needs at least {WEAK_SECRET_CHARACTERS} random characters")
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: set both (FRONTDESK_TLS_CERT, FRONTDESK_TLS_KEY)")
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str | None) -> str | None:
        for one in split_list(value):
            ipaddress.ip_network(one)  # its ValueError says what is wrong
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str | None) -> str | None:
        for origin in split_list(value):
            if not re.fullmatch(r"https?://[^/*\s]+", origin):
                raise ValueError("must be origins such as https://portal.example.org, separated by commas; no *")
        return value

    @field_validator("broker_url")
    @classmethod
    def _a_broker_we_speak(cls, value: str) -> str:
        host = r"(?:[\w.-]+|\[[\da-fA-F:]+\])(?::\d+)?"
        hosts, login = rf"{host}(?:,{host})*/?", r"(?:[^\s@:,]+:[^\s@,]+@)?"
        if not re.fullmatch(rf"postgres:|amqps?://[^\s,]+|kafka://{hosts}|kafkas://{login}{hosts}", value):
            raise ValueError("must be postgres:, amqp(s)://host, or kafka(s)://host:port (more after commas)")
        return value

    @field_validator("second_factor_roles")
    @classmethod
    def _roles_of_accounts(cls, value: str | None) -> str | None:
        if not set(split_list(value)) <= {"patient", "provider", "staff", "admin"}:
            raise ValueError("must be roles out of patient, provider, staff and admin, separated by commas")
        return value

    @field_validator("public_url")
    @classmethod
    def _where_passkeys_work(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        name = url.hostname or ""
        if not name or url.path not in ("", "/") or url.query or url.fragment or url.username:
            raise ValueError("must be scheme and host alone, such as https://frontdesk.example.org")
        if url.scheme != "https" and (url.scheme, name) != ("http", "localhost"):
            raise ValueError("must begin with https://; only http://localhost does without")
        if re.fullmatch(r"[\d.]+|.*:.*", name):
            raise ValueError("must name the host, because passkeys belong to a name and not to an address")
        return value

    @property
    def origin(self) -> str:
        """Where browsers find the service, without a slash at the end."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")

    def needs_second_factor(self, role: str) -> bool:
        """Whether accounts of this role log in with a second factor or not at all."""
        return role in split_list(self.second_factor_roles)

    @field_validator("sms_url", "push_url")
    @classmethod
    def _a_place_for_the_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value().count("{to}") != 1:
            raise ValueError("must contain {to} once, where the address of the person goes")
        return value

    @field_validator("push_subscribe_url")
    @classmethod
    def _a_page_for_each_patient(cls, value: str | None) -> str | None:
        if value is not None and (value.count("{to}") != 1 or not re.match(r"https?://[^/{\s]+/\S*$", value)):
            raise ValueError("must be an https:// address with {to} once, where the name of the patient goes")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _a_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.match(r"smtps?://[^/]+/?$", value.get_secret_value()):
            raise ValueError("must be smtp://user:password@host:587 or smtps://user:password@host:465")
        return value

    @field_validator("map_url")
    @classmethod
    def _a_link_for_any_place(cls, value: str) -> str:
        if value.count("{place}") != 1 or not re.fullmatch(r"https://[^\s{}]+", value.replace("{place}", "")):
            raise ValueError("must begin with https:// and contain {place} once, where the address goes")
        return value

    @field_validator("telehealth_url")
    @classmethod
    def _a_link_of_its_own_for_each_visit(cls, value: str) -> str:
        if value.count("{meeting}") != 1 or re.search(r"[{}\s]", value.replace("{meeting}", "")):
            raise ValueError("must contain {meeting} once, where the secret of the visit goes, and no other braces")
        if not re.match(r"https://[^/{]+/", value):
            raise ValueError("must begin with https:// and the name of the host")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the YAML file."""
        yaml = YamlConfigSettingsSource(settings_cls, yaml_file=os.environ.get("FRONTDESK_CONFIG"))
        return init_settings, env_settings, yaml


def _guessable(url: str) -> bool:
    """Whether the address of a database holds a password that is in every list, or is the name of the user."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return False  # connecting says what is wrong
    password = str(parts.get("password") or "").lower()
    return bool(password) and password in _GUESSED | {str(parts.get("user")).lower(), str(parts.get("dbname")).lower()}


_GUESSED = {"admin", "changeme", "frontdesk", "password", "postgres", "secret", "test", "123456", "12345678"}


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises pydantic.ValidationError; the command line turns it into one clear line."""
    return Settings(**overrides)


def misspelt() -> list[str]:
    """Names in the environment that look like settings of ours and are none."""
    known = {f"FRONTDESK_{name.upper()}" for name in Settings.model_fields} | {"FRONTDESK_CONFIG"}
    ours = {name for name in os.environ if name.startswith("FRONTDESK_") and not name.startswith("FRONTDESK_TEST_")}
    return sorted(ours - known)


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
