"""What is asked of an OpenID provider: where its doors are, a token for a code, and who that token says it is."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from keepwell.core.addresses import is_protected
from keepwell.core.errors import KeepwellError
from keepwell.core.settings import Settings

SECRET = "KEEPWELL_OIDC_CLIENT_SECRET"  # noqa: S105 - the name of the variable, not what it holds
SCOPE = "openid email"
PATIENCE_SECONDS = 5.0
LEEWAY_SECONDS = 60  # by how much the clocks may differ
MOST_SUBJECT = 255
# signatures by a key that the provider alone has: neither "none", nor those of a secret that we know too
SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
SECRET_METHODS = ("client_secret_basic", "client_secret_post")


class ProviderUnavailableError(KeepwellError):
    """The provider does not answer, or answers what no OpenID provider would."""


class ProviderRefusedError(KeepwellError):
    """The provider does not know the code, or us."""


class InvalidTokenError(KeepwellError):
    """What came is no ID token of this provider, for us, for this request, now."""


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is. ``is_verified`` is its word that the address is that person's."""

    issuer: str
    subject: str
    email: str | None
    is_verified: bool

    @property
    def key(self) -> str:
        """What the person is remembered by; a subject is unique within its issuer only."""
        return f"{self.issuer} {self.subject}"


@dataclass(frozen=True)
class Endpoints:
    """Where the provider's doors are, by its own word."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str | None
    secret_method: str


@dataclass(frozen=True)
class Request:
    """What one request to the provider holds that nobody else knows; the ``state`` comes back beside the code."""

    state: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True)
class Provider:
    """An OpenID provider as the workspace is set to it. Nothing of it is kept: its keys and doors may change any day."""

    issuer: str
    client_id: str
    name: str
    secret: str | None

    def authorization_url(self, request: Request, redirect_uri: str) -> str:
        """Where the browser goes to be recognised."""
        with self._client() as client:
            doors = self._endpoints(client)
            url: str = client.create_authorization_url(
                doors.authorization,
                state=request.state,
                nonce=request.nonce,
                code_verifier=request.code_verifier,
                redirect_uri=redirect_uri,
                scope=SCOPE,
            )[0]
        return url

    def identity(self, at: datetime, code: str, request: Request, redirect_uri: str) -> Identity:
        """Who came back with that code; a token that is not wholly in order is refused."""
        with self._client() as client:
            doors = self._endpoints(client)
            client.token_endpoint_auth_method = doors.secret_method if self.secret else "none"
            token = _token(client, doors, code, request, redirect_uri)
            claims = _checked(token, _keys(client, doors), doors.issuer, self.client_id, request.nonce, at)
            subject = str(claims["sub"])
            told = claims if "email" in claims else _userinfo(client, doors, subject)
        email = told.get("email")
        # some write the claim as text
        is_verified = told.get("email_verified") in {True, "true"}
        return Identity(doors.issuer, subject, email if isinstance(email, str) else None, is_verified)

    def endpoints(self) -> Endpoints:
        """Where its doors are; raises :class:`ProviderUnavailableError` where it does not answer as a provider does."""
        with self._client() as client:
            return self._endpoints(client)

    def _endpoints(self, client: OAuth2Client) -> Endpoints:
        told = _asked(client, f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        issuer = told.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self.issuer.rstrip("/"):
            raise ProviderUnavailableError(f"{self.issuer} says that it is {issuer!r}.", "Write oidc_issuer as the provider tells it.")
        methods = told.get("token_endpoint_auth_methods_supported") or SECRET_METHODS
        return Endpoints(
            issuer,
            self._door(told, "authorization_endpoint"),
            self._door(told, "token_endpoint"),
            self._door(told, "jwks_uri"),
            self._door(told, "userinfo_endpoint") if told.get("userinfo_endpoint") else None,
            next((m for m in SECRET_METHODS if m in methods), SECRET_METHODS[0]),
        )

    def _door(self, told: Mapping[str, Any], name: str) -> str:
        address = told.get(name)
        if not isinstance(address, str) or not is_protected(address):
            raise ProviderUnavailableError(f"{self.issuer} gives {address!r} as its {name}.", "It must begin with https://.")
        return address

    @contextmanager
    def _client(self) -> Iterator[OAuth2Client]:
        with OAuth2Client(self.client_id, self.secret, code_challenge_method="S256", timeout=PATIENCE_SECONDS) as client:
            yield client


def provider_or_none(settings: Settings, environment: Mapping[str, str] = os.environ) -> Provider | None:
    """The provider of the workspace, if it is set to one. The secret stands in the environment, never in a file."""
    if not settings.oidc_issuer:
        return None
    return Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_name, environment.get(SECRET) or None)


@contextmanager
def _reached(address: str) -> Iterator[None]:
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise ProviderUnavailableError(f"{address} does not answer as it should: {error}", "Is the provider running?") from error


def _asked(client: OAuth2Client, address: str, **headers: str) -> dict[str, Any]:
    with _reached(address):
        answer = client.request("GET", address, withhold_token=True, headers=headers)
        answer.raise_for_status()
        found = answer.json()
    if not isinstance(found, dict):
        raise ProviderUnavailableError(f"{address} answers {type(found).__name__} where an object is due.")
    return found


def _token(client: OAuth2Client, doors: Endpoints, code: str, request: Request, redirect_uri: str) -> dict[str, Any]:
    try:
        with _reached(doors.token):
            token = client.fetch_token(
                doors.token, grant_type="authorization_code", code=code, code_verifier=request.code_verifier, redirect_uri=redirect_uri
            )
    except OAuthError as error:
        raise ProviderRefusedError(f"{doors.token} answers {error.error}: {error.description}") from error
    return dict(token)


def _keys(client: OAuth2Client, doors: Endpoints) -> KeySet:
    told = _asked(client, doors.keys)
    try:
        return KeySet.import_key_set({"keys": list(told["keys"])})
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise ProviderUnavailableError(f"{doors.keys} gives no keys: {error!r}") from error


def _checked(token: Mapping[str, Any], keys: KeySet, issuer: str, client_id: str, nonce: str, at: datetime) -> dict[str, Any]:
    raw = token.get("id_token")
    if not isinstance(raw, str):
        raise InvalidTokenError("The answer holds no ID token.", "Is the client allowed the scope openid?")
    try:
        found = jwt.decode(raw, keys, algorithms=list(SIGNATURES))
        claims = CodeIDToken(
            found.claims,
            found.header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
            {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")},
        )
        claims.validate(int(at.timestamp()), LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidTokenError(f"The ID token is refused: {error}") from error
    if not 1 <= len(claims["sub"]) <= MOST_SUBJECT:
        raise InvalidTokenError("The ID token is refused: its subject is empty or too long.")
    return dict(claims)


def _userinfo(client: OAuth2Client, doors: Endpoints, subject: str) -> dict[str, Any]:
    """What the provider tells of the person beside the token, which may hold the subject only."""
    if doors.userinfo is None:
        return {}
    told = _asked(client, doors.userinfo, Authorization=f"Bearer {client.token['access_token']}")
    if told.get("sub") != subject:
        raise InvalidTokenError("The provider tells of somebody else than its ID token does.")
    return told
