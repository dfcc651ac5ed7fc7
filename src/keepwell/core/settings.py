"""What a workspace is set to: ``keepwell.toml``, read and checked once."""

import dataclasses
import functools
import json
import re
import tomllib
import zoneinfo
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from keepwell.core.addresses import is_protected
from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.core.money import check_currency

FILE_NAME = "keepwell.toml"
MOST_DAYS = 3_650
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_WEB = re.compile(r"https?://[^\s?#]+")
MOST_ISSUER = 240  # characters; with the subject it is what a user is known by


class Profile(StrEnum):
    """The kind of business: what counts as an active customer, and which scorecard is shown first."""

    RETAIL = "retail"
    SAAS = "saas"
    B2B = "b2b"
    AIRLINE = "airline"


class Locale(StrEnum):
    """The language of labels and sentences."""

    ENGLISH = "en"
    CHINESE = "zh"


class EngineName(StrEnum):
    """Where the numbers are computed."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class MailSecurity(StrEnum):
    """How the way to the mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """One field a line of ``keepwell.toml``; what is missing there has its default."""

    profile: Profile = _setting(Profile.RETAIL, "kind of business: retail, saas, b2b or airline")
    currency: str = _setting("CNY", "reporting currency, ISO 4217")
    locale: Locale = _setting(Locale.ENGLISH, "language of labels: en or zh")
    timezone: str = _setting("UTC", "reporting time zone, IANA name: decides on which day an instant falls")
    week_start: str = _setting("monday", "first day of a week")
    fiscal_start: int = _setting(1, "month in which the fiscal year starts, 1-12")
    engine: EngineName = _setting(
        EngineName.DUCKDB, "where KPIs are computed: duckdb, in this process; spark, with keepwell[spark] and Java 17"
    )
    spark_master: str = _setting(
        "local[2]", "where Spark runs, if it is the engine: local[2] (two cores here), spark://host:7077, yarn, k8s://…"
    )
    store: str = _setting("sqlite:///keepwell.db", "address of the operational database")
    lake: str = _setting("lake", "folder of the lake, from the workspace's folder")
    threads: int = _setting(0, "threads of the engine; 0 takes all cores")
    memory_limit: str = _setting("700MB", "memory an import may use before it spills to disk")
    reading_memory_limit: str = _setting(
        "25%", "memory that computing KPIs may use before it spills to disk; a size, or a share of the machine's"
    )
    upload_limit_mb: int = _setting(4096, "largest file that may be uploaded to a page, in MB")
    fx_max_age_days: int = _setting(7, "how old an exchange rate may be on the day it is used")
    inactive_days: int = _setting(90, "days without an order after which a customer counts as inactive in segments and predictions")
    clv_horizon_days: int = _setting(365, "how far customer lifetime value looks ahead, in days")
    clv_annual_rate: float = _setting(0.1, "yearly rate at which later value counts less: 0.1 is 10 %")
    oidc_issuer: str = _setting("", "address of the OpenID provider for single sign-on; empty for none")
    oidc_client_id: str = _setting("", "what the provider knows Keepwell as; the secret stands in $KEEPWELL_OIDC_CLIENT_SECRET")
    oidc_name: str = _setting("", "what people know the provider as: it stands on the button")
    webhook_hosts: str = _setting(
        "", "hosts, by commas, that webhooks may be sent to though they are of one's own network or without https; empty for none"
    )

    mail_host: str = _setting("", "mail server that reports and alerts are handed to; empty for none")
    mail_port: int = _setting(587, "its port: 587 with starttls, 465 with tls, 25 for a relay of one's own")
    mail_security: MailSecurity = _setting(MailSecurity.STARTTLS, "how the way there is protected: starttls, tls or none")
    mail_user: str = _setting("", "who signs in there; empty for nobody. The password stands in $KEEPWELL_MAIL_PASSWORD")
    mail_from: str = _setting("", "address that mails come from, such as keepwell@example.com")
    pages_url: str = _setting("", "address at which people reach the pages, for links in mails; empty for no links")

    def __post_init__(self) -> None:
        check_currency(self.currency)
        check_timezone(self.timezone)
        if self.week_start not in WEEKDAYS:
            raise WrongUseError(f"week_start is {self.week_start!r}.", did_you_mean(self.week_start, WEEKDAYS))
        if not 1 <= self.fiscal_start <= 12:
            raise WrongUseError(f"fiscal_start is {self.fiscal_start}.", "It is a month, 1 to 12.")
        for name in ("inactive_days", "clv_horizon_days"):
            if not 1 <= getattr(self, name) <= MOST_DAYS:
                raise WrongUseError(f"{name} is {getattr(self, name)}.", f"Give a number of days from 1 to {MOST_DAYS}.")
        if self.upload_limit_mb < 1:
            raise WrongUseError(f"upload_limit_mb is {self.upload_limit_mb}.", "Give a number of megabytes from 1 on.")
        if not 0 <= self.clv_annual_rate <= 1:
            raise WrongUseError(f"clv_annual_rate is {self.clv_annual_rate:g}.", "Give a share from 0 to 1, such as 0.1 for 10 %.")
        if self.oidc_issuer or self.oidc_client_id:
            check_provider(self.oidc_issuer, self.oidc_client_id)
        if self.mail_host:
            check_mail(self)
        if self.pages_url and not _WEB.fullmatch(self.pages_url):
            raise WrongUseError(f"pages_url is {self.pages_url!r}.", "Write it like https://keepwell.example.com.")

    @property
    def week_start_weekday(self) -> int:
        """The first day of a week as an ISO weekday, 1 (Monday) to 7."""
        return WEEKDAYS.index(self.week_start) + 1


@functools.cache
def _timezones() -> frozenset[str]:
    # looking for them goes through folders, and settings are made for each request
    return frozenset(zoneinfo.available_timezones())


def check_timezone(name: str) -> None:
    if name not in _timezones():
        hint = did_you_mean(name, _timezones())
        raise WrongUseError(
            f"There is no time zone named {name!r}.",
            hint if hint and "mean" in hint else "Give an IANA name, such as Asia/Shanghai or Europe/London.",
        )


def check_provider(issuer: str, client_id: str) -> None:
    """Raises where single sign-on is set up by half, or over a connection that others could read."""
    if not issuer or not client_id:
        missing = "oidc_client_id" if issuer else "oidc_issuer"
        raise WrongUseError(f"Single sign-on needs {missing}.", "Give both oidc_issuer and oidc_client_id, or neither.")
    if not is_protected(issuer) or len(issuer) > MOST_ISSUER or any(mark in issuer for mark in "?# "):
        raise WrongUseError(
            f"oidc_issuer is {issuer!r}.",
            "Give the provider's address as it tells it, beginning with https:// (http:// on this machine only).",
        )


def check_mail(settings: Settings) -> None:
    """Raises where mail is set up by half, or a password would be sent for others to read."""
    if not _ADDRESS.fullmatch(settings.mail_from):
        raise WrongUseError(f"mail_from is {settings.mail_from!r}.", "Give the address that mails come from, such as keepwell@example.com.")
    if not 1 <= settings.mail_port <= 65_535:
        raise WrongUseError(f"mail_port is {settings.mail_port}.", "It is a port, 1 to 65535.")
    if settings.mail_user and settings.mail_security is MailSecurity.NONE and not is_protected(f"http://{settings.mail_host}"):
        raise WrongUseError("mail_user would sign in over a way that others can read.", "Set mail_security to starttls or tls.")


def _typed(name: str, kind: type, value: Any, where: str) -> Any:
    if issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError:
            raise WrongUseError(f"{where}: {name} is {value!r}.", did_you_mean(str(value), [str(m) for m in kind])) from None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise WrongUseError(f"{where}: {name} is {value!r}.", f"Expected {'text in quotes' if kind is str else 'a number'}.")
    return value


def from_values(values: dict[str, Any], where: str) -> Settings:
    """Settings from plain values; a name that is unknown, or a value of the wrong kind, is an error that says ``where``."""
    kinds = {f.name: f.type for f in fields(Settings)}
    for name in values:
        if name not in kinds:
            raise WrongUseError(f"{where}: there is no setting named {name!r}.", did_you_mean(name, kinds))
    typed = {n: _typed(n, k, values[n], where) for n, k in kinds.items() if n in values and isinstance(k, type)}
    return Settings(**typed)


def read(folder: Path) -> Settings:
    """The settings of the workspace in ``folder``."""
    path = folder / FILE_NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WrongUseError(
            f"{folder} is no Keepwell workspace: it has no {FILE_NAME}.",
            "Make one with `keepwell init DIR`, or name one with -w DIR or $KEEPWELL_WORKSPACE.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{path} can't be read: {error}", "Mend the line that is named; values are TOML.") from error
    return from_values(values, str(path))


def to_toml(settings: Settings) -> str:
    """The text of ``keepwell.toml``, each setting with a line that says what it does."""
    lines = ["# The settings of this workspace. A change counts from the next command on.", ""]
    for spec in fields(settings):
        value = getattr(settings, spec.name)
        lines += [f"# {spec.metadata['meaning']}", f"{spec.name} = {json.dumps(value, ensure_ascii=False)}", ""]
    return "\n".join(lines)


def changed(settings: Settings, **values: Any) -> Settings:
    """A copy with other values."""
    return dataclasses.replace(settings, **values)
