"""The routes of the API: each names the scope that a token needs and what its user must be able to do, or that what is sent is signed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from keepwell.access.roles import Capability
from keepwell.access.tokens import SCOPES
from keepwell.surfaces.api.call import Caller
from keepwell.surfaces.api.problem import RefusedError

Answer = TypeVar("Answer", bound=Callable[..., Any])


@dataclass(frozen=True)
class ApiRoute:
    """One address and method, the token's scope, the user's capabilities, and the function that answers.

    Without a scope no token counts: the function itself refuses what is not signed.
    """

    method: str
    path: str
    scope: str | None
    needs: tuple[Capability, ...]
    tag: str
    answer: Callable[..., Any]


@dataclass
class ApiRoutes:
    """The routes of one part."""

    tag: str
    found: list[ApiRoute] = field(default_factory=list)

    def get(self, path: str, scope: str, needs: Capability | tuple[Capability, ...]) -> Callable[[Answer], Answer]:
        return self._add("GET", path, scope, needs)

    def post(self, path: str, scope: str, needs: Capability | tuple[Capability, ...]) -> Callable[[Answer], Answer]:
        return self._add("POST", path, scope, needs)

    def put(self, path: str, scope: str, needs: Capability | tuple[Capability, ...]) -> Callable[[Answer], Answer]:
        return self._add("PUT", path, scope, needs)

    def delete(self, path: str, scope: str, needs: Capability | tuple[Capability, ...]) -> Callable[[Answer], Answer]:
        return self._add("DELETE", path, scope, needs)

    def signed(self, path: str) -> Callable[[Answer], Answer]:
        """A route for other systems, who sign what they send."""
        return self._register("POST", path, None, ())

    def _add(self, method: str, path: str, scope: str, needs: Capability | tuple[Capability, ...]) -> Callable[[Answer], Answer]:
        if scope not in SCOPES:
            raise ValueError(f"{path} needs {scope!r}, which no token can have")
        return self._register(method, path, scope, needs if isinstance(needs, tuple) else (needs,))

    def _register(self, method: str, path: str, scope: str | None, needs: tuple[Capability, ...]) -> Callable[[Answer], Answer]:
        def register(answer: Answer) -> Answer:
            self.found.append(ApiRoute(method, path, scope, needs, self.tag, answer))
            return answer

        return register


def door(route: ApiRoute) -> Callable[[Caller], None]:
    """What is asked before the route answers."""
    scope = route.scope
    if scope is None:
        raise ValueError(f"{route.path} asks for no token")

    def check(call: Caller) -> None:
        if not call.bearer.may(scope):
            raise RefusedError(HTTPStatus.FORBIDDEN, f"The token lacks the scope {scope}.", "Make one that has it: keepwell token create.")
        if not call.bearer.user.may(Capability.USE_API) or not all(call.bearer.user.may(c) for c in route.needs):
            raise RefusedError(HTTPStatus.FORBIDDEN, "The token's user may not do this.", "Ask an administrator for a role that may.")

    return check
