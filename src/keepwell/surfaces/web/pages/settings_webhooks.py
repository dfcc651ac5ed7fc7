"""Settings, webhooks: where rows of other systems come in, where events go out, and what came of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.access.webhooks.deliveries import Delivery, State
from keepwell.access.webhooks.desk import Made, Webhooks
from keepwell.access.webhooks.hooks import Hook, NewHook
from keepwell.access.webhooks.subscriptions import NewSubscription, Subscription
from keepwell.core.errors import KeepwellError
from keepwell.core.ids import MAIN_SOURCE
from keepwell.lake.entity import entities
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages.data_tabs import entity_words
from keepwell.surfaces.web.pages.settings_tabs import Tab, tabs
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect
from keepwell.surfaces.webhooks import id_of, webhooks_of

ROUTES = PageRoutes()
PATH, TEMPLATE = "/settings/webhooks", "settings_webhooks.html"
MAY = Capability.MANAGE_SETTINGS
SHOWN = 20
TONES = {State.DELIVERED: "better", State.WAITING: "none", State.GIVEN_UP: "worse", State.STOPPED: "warn"}
HEADS = ("made_at", "to", "kind", "state", "tries", "answer", "milliseconds", "due_at")


@dataclass(frozen=True)
class Incoming:
    """A door for rows: what a row is in words, and where it is sent to."""

    hook: Hook
    content: str
    address: str


@dataclass(frozen=True)
class Sending:
    """Where events go: which ones in words, and why nothing is sent where it is off."""

    subscription: Subscription
    kinds: tuple[str, ...]
    state: str


@dataclass(frozen=True)
class Told:
    """A message in words."""

    delivery: Delivery
    to: str
    kind: str
    state: str
    tone: str
    answer: str
    milliseconds: int | None
    due_at: str


@dataclass(frozen=True)
class Shown:
    """What was just made: its secret is shown now and never again."""

    name: str
    secret: str
    address: str | None


@dataclass(frozen=True)
class WebhooksPage:
    """Webhooks in and out."""

    title: str
    tabs: tuple[Tab, ...]
    incoming: tuple[Incoming, ...]
    sending: tuple[Sending, ...]
    told: tuple[Told, ...]
    entities: tuple[tuple[str, str], ...]
    mappings: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    deleted: str
    is_worker_alive: bool
    made: Shown | None
    error: str | None
    hint: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page(PATH, MAY, TEMPLATE)
def list_webhooks(visit: Visit) -> WebhooksPage:
    return _page(visit)


@ROUTES.post(f"{PATH}/in", MAY)
def add_hook(
    visit: Here,
    name: Annotated[str, Form()] = "",
    content: Annotated[str, Form()] = "",
    source: Annotated[str, Form()] = "",
    secret: Annotated[str, Form()] = "",
) -> Response:
    """The answer is the page itself, no redirect: the secret is in no address and nowhere else."""
    kind, _, chosen = content.partition(":")
    new = NewHook(
        name,
        chosen if kind == "entity" else None,
        chosen if kind == "mapping" else None,
        source.strip() or MAIN_SOURCE,
        secret.strip() or None,
    )
    return _answered(visit, lambda desk: desk.add_hook(visit.at, visit.actor, new))


@ROUTES.post(f"{PATH}/out", MAY)
def add_subscription(
    visit: Here,
    name: Annotated[str, Form()] = "",
    url: Annotated[str, Form()] = "",
    kind: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """The same for what goes out."""
    return _answered(visit, lambda desk: desk.add_subscription(visit.at, visit.actor, NewSubscription(name, url, tuple(kind or ()))))


@ROUTES.post(f"{PATH}/{{webhook_id}}/rotate", MAY)
def rotate(visit: Here, webhook_id: str) -> Response:
    """Another secret, shown on the page that answers."""
    return _answered(visit, lambda desk: desk.rotate(visit.at, visit.actor, webhook_id))


@ROUTES.post(f"{PATH}/{{webhook_id}}/switch", MAY)
def switch(visit: Here, webhook_id: str, on: Annotated[str, Form()] = "") -> Response:
    """Switch it on or off."""
    _desk(visit).switch(visit.at, visit.actor, webhook_id, on=on == "yes")
    return redirect(PATH)


@ROUTES.post(f"{PATH}/{{webhook_id}}/delete", MAY)
def delete(visit: Here, webhook_id: str) -> Response:
    """Delete it; the page offers to bring it back."""
    _desk(visit).delete(visit.at, visit.actor, webhook_id)
    return redirect(f"{PATH}?deleted={webhook_id}")


@ROUTES.post(f"{PATH}/{{webhook_id}}/restore", MAY)
def restore(visit: Here, webhook_id: str) -> Response:
    """Bring back one that was deleted."""
    _desk(visit).restore(visit.at, visit.actor, webhook_id)
    return redirect(PATH)


@ROUTES.post(f"{PATH}/{{webhook_id}}/test", MAY)
def send_test(visit: Here, webhook_id: str) -> Response:
    """Put a test in line."""
    _desk(visit).send_test(visit.at, visit.actor, webhook_id)
    return redirect(f"{PATH}#sent")


def _desk(visit: Visit) -> Webhooks:
    return webhooks_of(visit.site.place, visit.site.store)


def _answered(visit: Visit, make: Callable[[Webhooks], Made]) -> Response:
    try:
        made = make(_desk(visit))
    except KeepwellError as error:
        page = _page(visit, error=error)
        return visit.html(TEMPLATE, 400, page=page, title=page.title)
    page = _page(visit, Shown(made.webhook.name, made.secret, _address(visit, made.webhook) if isinstance(made.webhook, Hook) else None))
    return visit.html(TEMPLATE, page=page, title=page.title)


def _page(visit: Visit, made: Shown | None = None, error: KeepwellError | None = None) -> WebhooksPage:
    desk = _desk(visit)
    hooks, subscriptions = desk.hooks(), desk.subscriptions()
    told = tuple(_told(visit, d, {id_of(s): s.name for s in subscriptions}) for d in desk.deliveries(limit=SHOWN))
    return WebhooksPage(
        title=visit.say("settings.title"),
        tabs=tabs(visit),
        incoming=tuple(Incoming(h, entity_words(visit, h.entity) if h.entity else h.mapping or "", _address(visit, h)) for h in hooks),
        sending=tuple(_sending(visit, s) for s in subscriptions),
        told=told,
        entities=tuple(sorted((entity_words(visit, n), n) for n, e in entities().items() if not e.is_derived)),
        mappings=tuple(desk.mappings),
        kinds=tuple((k, _kind(visit, k)) for k in desk.kinds),
        deleted=visit.asked("deleted"),
        is_worker_alive=visit.site.jobs.is_worker_alive,
        made=made,
        error=error.message if error else None,
        hint=error.hint if error else None,
        sheets=(_sheet(visit, told),),
    )


def _address(visit: Visit, hook: Hook) -> str:
    return f"{visit.request.base_url}api/v1/hooks/{hook.hook_id}"


def _kind(visit: Visit, kind: str) -> str:
    return visit.word_or(f"webhooks.kind_{kind.replace('.', '_')}", kind)


def _sending(visit: Visit, found: Subscription) -> Sending:
    if not found.is_on:
        state = visit.say(f"webhooks.off_{found.off_reason or 'by_hand'}")
    elif found.failing_since:
        state = visit.say("webhooks.failing", since=visit.moment(found.failing_since))
    else:
        state = ""
    return Sending(found, tuple(_kind(visit, k) for k in found.kinds), state)


def _told(visit: Visit, found: Delivery, names: dict[str, str]) -> Told:
    last = found.attempts[-1] if found.attempts else None
    fault = visit.say(f"webhooks.fault_{last.fault}") if last and last.fault else ""
    return Told(
        found,
        names.get(found.subscription_id, visit.say("webhooks.deleted_one")),
        _kind(visit, found.kind),
        visit.say(f"webhooks.state_{found.state}"),
        TONES[found.state],
        " · ".join(str(part) for part in (last.status if last else None, fault) if part),
        last.milliseconds if last else None,
        visit.moment(found.due_at) if found.state is State.WAITING and found.attempts else "",
    )


def _sheet(visit: Visit, told: tuple[Told, ...]) -> Sheet:
    numbers = {"tries", "milliseconds"}
    columns = tuple(Column(n, visit.say(f"webhooks.head_{n}"), is_number=n in numbers) for n in HEADS)
    rows = [
        [t.delivery.made_at, t.to, t.delivery.kind, str(t.delivery.state), len(t.delivery.attempts), t.answer, t.milliseconds, t.due_at]
        for t in told
    ]
    return Sheet("deliveries", columns, rows)
