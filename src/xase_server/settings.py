"""Every setting of the server: its meaning, default and bound. Read once, by the composition root."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_POSTGRES: Final = re.compile(r"postgres(ql)?://")
_ROOT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Settings(BaseSettings):
    """Given by command line options or environment variables (`XASE_HOME`, `XASE_PORT`, …)."""

    model_config = SettingsConfigDict(env_prefix="XASE_", frozen=True, extra="ignore")

    home: Annotated[
        Path, Field(description="Folder that holds everything: database, keys, the head kept outside the database.")
    ] = Path(".xase")
    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8000
    database: Annotated[
        str, Field(description="`postgresql://…`; empty for the embedded SQLite database in the home folder.")
    ] = ""
    log_origin: Annotated[
        str,
        Field(
            max_length=128,
            description="The log's name in checkpoints; empty for one made of the log key. Fixed at first start.",
        ),
    ] = ""
    organisation: Annotated[
        str,
        Field(
            pattern=r"^(org_[a-z0-9_]{1,60})?$", description="Organisation made at first start; empty for a random id."
        ),
    ] = ""
    admin_email: Annotated[
        str, Field(max_length=254, description="Principal of the admin key made at first start.")
    ] = "admin@localhost"
    base_url: Annotated[
        str, Field(description="Public address of this server, for links in answers; empty for the one it listens on.")
    ] = ""
    max_body_bytes: Annotated[int, Field(ge=1024, le=1 << 30, description="Largest body of a single request.")] = (
        1 << 20
    )
    max_batch_bytes: Annotated[
        int, Field(ge=1024, le=1 << 30, description="Largest body of a batch of decision records.")
    ] = 32 << 20
    max_upload_bytes: Annotated[
        int, Field(ge=1024, le=1 << 50, description="Largest data of a dataset that may be sent at once.")
    ] = 64 << 30
    body_timeout: Annotated[
        float,
        Field(gt=0, le=600, description="Seconds within which a body, or the next piece of data, must have arrived."),
    ] = 30.0
    rate_limit: Annotated[int, Field(ge=0, description="Requests per minute and key; 0 for no limit.")] = 600_000
    idempotency_hours: Annotated[
        int, Field(ge=24, le=24 * 365, description="How long an idempotency key is remembered.")
    ] = 24
    queue_limit: Annotated[
        int, Field(ge=1, description="Appends that may wait for the writer; more are answered `unavailable`.")
    ] = 20_000
    postgres_readers: Annotated[int, Field(ge=1, le=256, description="Connections for reads on PostgreSQL.")] = 8
    max_bundle_records: Annotated[
        int, Field(ge=1, le=1_000_000, description="Decision records in one evidence bundle.")
    ] = 100_000
    session_days: Annotated[
        int,
        Field(ge=1, le=3_650, description="Days that a session lasts when neither its request nor its policy says."),
    ] = 30
    approval_days: Annotated[
        int,
        Field(
            ge=1, le=365, description="Days that a request waits for approvals, and that it is good for once approved."
        ),
    ] = 7
    dataset_roots: Annotated[
        str,
        Field(
            description="Folders that a dataset's `source` may lie below: `NAME=PATH`, several with commas between. "
            "`data` is the home's folder of that name unless given here."
        ),
    ] = ""
    master_key_file: Annotated[
        Path | None,
        Field(
            description="File with the secret, 32 random bytes or more, that the keys of transforms and the "
            "secrets of webhooks are derived from; empty for `keys/master.key` in the home folder."
        ),
    ] = None
    purposes_file: Annotated[
        Path | None,
        Field(description="JSON or YAML file with the tree of purposes, in place of the one that comes with Xase."),
    ] = None
    webhook_networks: Annotated[
        str,
        Field(
            description="Networks that webhooks may lead to although they are not public: `10.1.0.0/16,fd00::/8`. "
            "Whoever may make webhooks can have this server speak to every machine there."
        ),
    ] = ""
    webhook_ca_file: Annotated[
        Path | None,
        Field(description="PEM file of certificate authorities that count for webhooks, besides the system's."),
    ] = None
    webhook_http: Annotated[
        bool, Field(description="Whether webhooks may use `http`, where anybody on the way reads what is sent.")
    ] = False
    log_format: Annotated[
        str, Field(pattern="^(json|text)$", description="`json` or `text` lines on standard error.")
    ] = "text"
    log_requests: Annotated[bool, Field(description="Log a line for each request.")] = False

    @field_validator("database")
    @classmethod
    def _is_database(cls, dsn: str) -> str:
        if dsn and not _POSTGRES.match(dsn):  # never shown: it may hold a password
            raise ValueError("must begin with postgresql://, or be empty for the embedded database")
        return dsn

    @field_validator("dataset_roots")
    @classmethod
    def _are_roots(cls, text: str) -> str:
        read_roots(text)
        return text

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        read_networks(text)
        return text

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that webhooks may lead to although they are not public."""
        return read_networks(self.webhook_networks)

    @property
    def roots(self) -> dict[str, Path]:
        """The folders that sources may lie below, by name."""
        return {"data": self.home / "data"} | read_roots(self.dataset_roots)


def read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of `10.1.0.0/16,fd00::/8`; raises ValueError for another form."""
    return tuple(ip_network(each.strip()) for each in filter(None, text.split(",")))


def read_roots(text: str) -> dict[str, Path]:
    """The folders by name; raises ValueError for another form than `NAME=PATH,NAME=PATH`."""
    roots: dict[str, Path] = {}
    for each in filter(None, text.split(",")):
        name, _, path = each.partition("=")
        if not _ROOT.fullmatch(name) or not path or name in roots:
            raise ValueError(f"not NAME=PATH with a name of its own: {each}")
        roots[name] = Path(path)
    return roots
