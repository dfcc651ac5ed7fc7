"""One table of routes. Each says who may come in; there is no other way to answer a request, and no default."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from keepwell.access.roles import Capability

Answer = TypeVar("Answer", bound=Callable[..., Any])


class Door(StrEnum):
    """Who may come in where no capability is asked for."""

    OPEN = "open"  # everybody: signing in
    SIGNED_IN = "signed_in"  # whoever has signed in: their own settings


Needs = Door | Capability | tuple[Capability, ...]


def capabilities_of(needs: Needs) -> tuple[Capability, ...]:
    """All that one must be able to do; nothing where only having signed in is asked for, or not even that."""
    if isinstance(needs, Door):
        return ()
    return (needs,) if isinstance(needs, Capability) else needs


@dataclass(frozen=True)
class Route:
    """One address and method, who may use it, and the function that answers."""

    method: str
    path: str
    needs: Needs
    answer: Callable[..., Any]

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """All that one must be able to do, beside having signed in where the door is not open."""
        return capabilities_of(self.needs)


class Routes(list[Route]):
    """The routes of a page or of a part of the API, each registered where its function stands."""

    def get(self, path: str, needs: Needs) -> Callable[[Answer], Answer]:
        return self._add("GET", path, needs)

    def post(self, path: str, needs: Needs) -> Callable[[Answer], Answer]:
        return self._add("POST", path, needs)

    def put(self, path: str, needs: Needs) -> Callable[[Answer], Answer]:
        return self._add("PUT", path, needs)

    def delete(self, path: str, needs: Needs) -> Callable[[Answer], Answer]:
        return self._add("DELETE", path, needs)

    def _add(self, method: str, path: str, needs: Needs) -> Callable[[Answer], Answer]:
        def register(answer: Answer) -> Answer:
            self.append(Route(method, path, needs, answer))
            return answer

        return register
