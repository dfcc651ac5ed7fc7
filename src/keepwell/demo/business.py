"""The demo business: every file of it, in the order in which to import them, and what is known to be true of it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from keepwell.core.errors import WrongUseError
from keepwell.demo import company as firm
from keepwell.demo import contacts, experiment, loyalty, marketing, receivables, sales, service, shop, subscriptions, surveys, voice
from keepwell.demo.cases import cases_table
from keepwell.demo.columns import stream
from keepwell.demo.consents import Consents, consents_table, draw_consents
from keepwell.demo.deliveries import Delivery, Outbox
from keepwell.demo.dirty import DirtyRow, pop_up_orders
from keepwell.demo.duplicates import crm_calls_table, draw_doubles, pairs
from keepwell.demo.mentions import mentions_table
from keepwell.demo.people import draw_people
from keepwell.demo.profiles import customers_table, draw_profiles
from keepwell.demo.purchases import draw_purchases
from keepwell.demo.scene import Scene
from keepwell.demo.season import Season
from keepwell.demo.timeline import Timeline
from keepwell.demo.truths import MissingParent, Truths
from keepwell.demo.usage import usage_table
from keepwell.demo.working_time import calendar_table

LEAST_CUSTOMERS, LEAST_MONTHS = 20, 6


@dataclass(frozen=True)
class Business:
    """A generated business."""

    imports: tuple[Delivery, ...]
    truths: Truths


@dataclass(frozen=True)
class _Work:
    """What every part of the business is made with."""

    seed: int
    scene: Scene
    outbox: Outbox

    def rng(self, subject: str) -> np.random.Generator:
        return stream(self.seed, subject)


def generate(
    folder: Path,
    *,
    seed: int = 7,
    customers: int = 2_000,
    months: int = 24,
    last_day: date = date(2026, 10, 31),
    churn_after_late_service: float = subscriptions.MONTHLY_CHURN_AFTER_LATE_SERVICE,
) -> Business:
    """Writes the files of a bilingual company of that size below the folder, with ``mappings/`` and ``truths.json``.

    ``churn_after_late_service`` is the share of subscribers that leave in a month after a missed deadline: with
    ``subscriptions.MONTHLY_CHURN`` late service does nothing. The same arguments give the same bytes. Raises WrongUseError for fewer than
    20 customers or 6 months, which hold no truths.
    """
    if customers < LEAST_CUSTOMERS or months < LEAST_MONTHS:
        hint = f"Ask for at least {LEAST_CUSTOMERS} customers and {LEAST_MONTHS} months."
        raise WrongUseError(f"{customers} customers over {months} months are too few for a demo business.", hint)
    season = Season(Timeline.ending(last_day, months))
    company = firm.draw_company(stream(seed, "company"), season.timeline, customers)
    scene = Scene(season, company, draw_people(stream(seed, "people"), season, company, customers))
    work = _Work(seed, scene, Outbox(folder))
    _company_files(work)
    duplicates = _people_files(work)
    consents = draw_consents(work.rng("consents"), season.timeline, scene.people)
    work.outbox.put("consents", consents_table(work.rng("consents table"), season.timeline, consents))
    orders, discontinued = _shop_files(work, consents)
    subscribers = subscriptions.draw_subscribers(work.rng("subscribers"), scene)
    tickets = service.draw_tickets(work.rng("tickets"), scene, orders, subscribers.customer)
    _service_files(work, tickets)
    spells = subscriptions.draw_spells(work.rng("spells"), scene, subscribers, tickets, churn_after_late_service)
    _subscription_files(work, orders, subscribers, spells)
    _voice_files(work, consents, orders, tickets)
    _loyalty_files(work, orders)
    dirty = _pop_up_files(work)
    missing = (
        MissingParent("order_lines", "product_id", "products", discontinued),
        MissingParent("tickets", "customer_id", "customers", len(service.ghosts(tickets))),
    )
    truths = Truths.of(seed, scene, churn_after_late_service, duplicates, dirty, missing)
    truths.write(folder / "truths.json")
    return Business(work.outbox.deliveries(), truths)


def _company_files(work: _Work) -> None:
    timeline, company, put = work.scene.timeline, work.scene.company, work.outbox.put
    put("regions", firm.regions_table())
    put("teams", firm.teams_table())
    put("employees", firm.employees_table(work.rng("employees"), timeline, company))
    put("business_hours", firm.business_hours_table())
    put("calendar", calendar_table(timeline))
    put("fx_rates", firm.fx_rates_table(timeline, company))
    put("quotas", firm.quotas_table(timeline, company))
    put("channels", marketing.channels_table())
    put("campaigns", marketing.campaigns_table(timeline, experiment.assigned_at_s(timeline), experiment.WINDOW_DAYS))


def _people_files(work: _Work) -> tuple[tuple[str, str], ...]:
    """Customers in both systems, and the true pairs."""
    scene, put = work.scene, work.outbox.put
    profiles = draw_profiles(work.rng("profiles"), scene.timeline, scene.people)
    put("customers", customers_table(work.rng("customers"), scene.timeline, scene.people, profiles))
    doubles = draw_doubles(work.rng("doubles"), scene, profiles)
    put("crm_customers", doubles.records)
    put("crm_calls", crm_calls_table(work.rng("crm calls"), scene, doubles))
    followers = contacts.draw_followers(work.rng("followers"), scene.people)
    put("identities", contacts.identities_table(followers))
    put("messages", contacts.messages_table(work.rng("messages"), scene, followers))
    return pairs(scene.people, doubles)


def _shop_files(work: _Work, consents: Consents) -> tuple[shop.Orders, int]:
    """The orders, and how many lines name a product that is no longer listed."""
    scene, put = work.scene, work.outbox.put
    purchases = draw_purchases(work.rng("purchases"), scene)
    trial = experiment.draw_experiment(work.rng("experiment"), scene, consents, purchases)
    put("exposures", experiment.exposures_table(work.rng("exposures"), scene.timeline, trial))
    orders, lines = shop.draw_orders(work.rng("orders"), scene, purchases.and_also(trial.caused))
    put("products", shop.products_table())
    put("orders", shop.orders_table(work.rng("orders table"), scene, orders))
    put("order_lines", shop.order_lines_table(lines))
    bought = orders.is_sale & (orders.customer >= 0)
    put("visits", marketing.visits_table(work.rng("visits"), scene, orders.customer[bought], orders.moment_s[bought]))
    return orders, int((lines.product == shop.DISCONTINUED).sum())


def _service_files(work: _Work, tickets: service.Tickets) -> None:
    scene, put = work.scene, work.outbox.put
    put("tickets", service.tickets_table(work.rng("tickets table"), scene, tickets))
    put("ticket_events", service.ticket_events_table(work.rng("ticket events"), scene.timeline, tickets))
    people = contacts.draw_contacts(work.rng("contacts"), scene.people)
    put("contacts", contacts.contacts_table(work.rng("contacts table"), scene, people))
    put("interactions", contacts.interactions_table(work.rng("interactions"), scene, people, tickets))
    put("tasks", contacts.tasks_table(work.rng("tasks"), scene))
    dear = tickets.customer[(tickets.kind == service.COMPLAINT) & (tickets.customer >= 0)]
    put("costs", marketing.costs_table(work.rng("costs"), scene, dear, experiment.assigned_at_s(scene.timeline)))


def _subscription_files(work: _Work, orders: shop.Orders, subscribers: subscriptions.Subscribers, spells: subscriptions.Spells) -> None:
    scene, put = work.scene, work.outbox.put
    rows = subscriptions.draw_rows(scene.timeline, subscribers, spells)
    put("subscriptions", subscriptions.subscriptions_table(scene.timeline, scene.people, subscribers, rows))
    put("usage", usage_table(work.rng("usage"), scene.timeline, subscribers, rows))
    put("contracts", receivables.contracts_table(work.rng("contracts"), scene, subscribers))
    debts = receivables.contract_debts(scene.timeline, subscribers, spells)
    debts = debts.and_also(receivables.invoices(work.rng("invoices"), scene, orders))
    put("payments", receivables.payments_table(work.rng("payments"), scene, debts))
    leads = sales.draw_leads(work.rng("leads"), scene)
    put("leads", sales.leads_table(work.rng("leads table"), scene, leads))
    deals = sales.draw_opportunities(work.rng("opportunities"), scene, leads)
    put("opportunities", sales.opportunities_table(work.rng("opportunities table"), scene, deals))
    put("stage_changes", sales.stage_changes_table(scene.timeline, deals))


def _voice_files(work: _Work, consents: Consents, orders: shop.Orders, tickets: service.Tickets) -> None:
    scene, put = work.scene, work.outbox.put
    invitations = surveys.draw_invitations(work.rng("invitations"), scene, consents, orders, tickets)
    given = voice.draw_answers(work.rng("answers"), scene, tickets, invitations)
    put("invitations", surveys.invitations_table(scene.timeline, invitations))
    put("responses", voice.responses_table(work.rng("responses"), scene, tickets, invitations, given))
    put("cases", cases_table(work.rng("cases"), scene, tickets, invitations, given))
    put("mentions", mentions_table(work.rng("mentions"), scene))


def _loyalty_files(work: _Work, orders: shop.Orders) -> None:
    scene, put = work.scene, work.outbox.put
    members = loyalty.draw_members(work.rng("members"), scene, orders)
    put("programmes", loyalty.programmes_table(scene.timeline))
    put("memberships", loyalty.memberships_table(scene.timeline, members))
    put("loyalty_entries", loyalty.loyalty_entries_table(work.rng("loyalty entries"), scene, orders, members))
    put("referrals", loyalty.referrals_table(work.rng("referrals"), scene))


def _pop_up_files(work: _Work) -> tuple[DirtyRow, ...]:
    text, wrong = pop_up_orders(work.rng("pop-up store"), work.scene.season, len(work.scene.people))
    work.outbox.put_text("pop_up_orders", text)
    return wrong
