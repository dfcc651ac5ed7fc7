"""People at companies with their parts in decisions, every contact with customers, and what is left to do."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo import words as w
from keepwell.demo.columns import NONE, Ints, either, joined, numbered, only, same, where, words
from keepwell.demo.people import People
from keepwell.demo.sampling import between, chance, picks, repeated
from keepwell.demo.scene import Scene
from keepwell.demo.service import Tickets
from keepwell.demo.timeline import DAY_S

_ROLES = ("decides", "influences", "buys", "uses", "blocks")
_ROLES_ZH = ("决策者", "影响者", "采购", "使用者", "反对者")
_CHANNELS_ZH = ("电话", "邮件", "在线", "拜访", "微信")
CHANNEL_WORDS = dict(zip(_CHANNELS_ZH, ("call", "email", "chat", "visit", "wechat"), strict=True))
ROLE_WORDS = dict(zip(_ROLES_ZH, _ROLES, strict=True))
DIRECTION_WORDS = {"呼入": "inbound", "呼出": "outbound"}
_MONTHLY_CONTACTS = 0.5  # with each customer who has an owner
_SUBJECTS = ("季度回访", "新品介绍", "续约沟通", "交付问题", "Quarterly review", "Renewal", "Delivery question")
_NOTES = (
    *("客户对交付时间有顾虑，已记录。", "对新品茶具感兴趣，约下周再谈。", "续约意向明确，等待审批。", "联系人出差，改天再联系。"),
    *("Asked for a new offer by Friday.", "Happy with the last delivery.", "Decision moved to next quarter."),
)
MESSENGER = "wechat"  # a source of its own
_FOLLOWERS_SHARE = 0.1
_TASK_KINDS = ("follow up", "renewal call", "send offer", "visit")


@dataclass(frozen=True)
class Contacts:
    """People at companies, one element each, those of one company side by side."""

    customer: Ints
    role: Ints

    def of(self, rng: np.random.Generator, customers: Ints, size: int) -> Ints:
        """Some contact of each customer; none of customers who have none."""
        sizes = np.bincount(self.customer, minlength=size)
        firsts = np.cumsum(sizes) - sizes
        drawn = firsts[customers] + (rng.random(len(customers)) * sizes[customers]).astype(np.int64)
        return where(sizes[customers] > 0, drawn)


def draw_contacts(rng: np.random.Generator, people: People) -> Contacts:
    """Two to five for each company; the first of most decides."""
    firm, place = repeated(between(rng, 2, 6, len(people.companies)))
    role = np.where(place == 0, np.where(chance(rng, 0.85, len(firm)), 0, 2), 1 + picks(rng, (4, 3, 3, 1), len(firm)))
    return Contacts(people.companies[firm], role)


def contacts_table(rng: np.random.Generator, scene: Scene, contacts: Contacts) -> pa.Table:
    """The canonical ``contacts``, decision roles in Chinese."""
    size, timeline = len(contacts.customer), scene.timeline
    zh = scene.people.is_chinese[contacts.customer]
    surname, given = picks(rng, (1,) * len(w.SURNAMES), size), picks(rng, (1,) * len(w.GIVEN_NAMES), size)
    first, last = picks(rng, (1,) * len(w.FIRST_NAMES), size), picks(rng, (1,) * len(w.LAST_NAMES), size)
    title = between(rng, 0, len(w.JOB_TITLES), size)
    chinese = joined(words([c for c, _ in w.SURNAMES], surname), words([c for c, _ in w.GIVEN_NAMES], given))
    pinyin = joined(words([p for _, p in w.GIVEN_NAMES], given), ".", words([p for _, p in w.SURNAMES], surname))
    number = np.arange(size)
    since = scene.people.created_s[contacts.customer] // DAY_S
    leaves = chance(rng, 0.08, size)
    return pa.table(
        {
            "contact_id": numbered("A", number),
            "customer_id": numbered("C", contacts.customer),
            "name": either(zh, chinese, joined(words(w.FIRST_NAMES, first), " ", words(w.LAST_NAMES, last))),
            "email": joined(pinyin, numbered("", number, 1), "@firm.example"),
            "phone": only(joined("+86 12", numbered("", number * 53 % 10**8, 9)), chance(rng, 0.8, size)),
            "title": either(zh, words([c for c, _ in w.JOB_TITLES], title), words([e for _, e in w.JOB_TITLES], title)),
            "decision_role": words(_ROLES_ZH, contacts.role),
            "active_from": timeline.dates(since, since >= 0),
            "active_to": timeline.dates(since + 200, leaves & (since + 200 < timeline.days)),
        }
    )


def interactions_table(rng: np.random.Generator, scene: Scene, contacts: Contacts, tickets: Tickets) -> pa.Table:
    """The canonical ``interactions`` in local time and Chinese words: owners' contacts, and calls about tickets."""
    timeline, people = scene.timeline, scene.people
    customer, moment_s = _owners_contacts(rng, scene)
    called = np.flatnonzero((tickets.customer >= 0) & chance(rng, 0.35, len(tickets)))
    size = len(customer) + len(called)
    by_owner = np.arange(size) < len(customer)
    every = np.concatenate([customer, tickets.customer[called]])
    every_s = np.concatenate([moment_s, tickets.opened_s[called]])
    agent = np.concatenate([people.owner[customer], tickets.employee[called]])
    channel = np.where(by_owner, picks(rng, (4, 3, 0, 2, 3), size), picks(rng, (4, 2, 4, 0, 0), size))
    inward = np.where(by_owner, chance(rng, 0.3, size), True)
    lasts = np.where(np.isin(channel, (0, 3)), 60 + rng.exponential(400, size), NONE).astype(np.int64)
    order = np.argsort(every_s, kind="stable")
    about = between(rng, 0, len(_SUBJECTS), size)
    table = pa.table(
        {
            "customer_id": numbered("C", every),
            "contact_id": numbered("A", where(by_owner, contacts.of(rng, every, len(people)))),
            "occurred_at": timeline.local_times(every_s),
            "channel": words(_CHANNELS_ZH, channel),
            "direction": words(tuple(DIRECTION_WORDS), 1 - inward.astype(np.int64)),
            "employee_id": numbered("E", agent, 4),
            "subject": words(_SUBJECTS, about),
            "body": words(_NOTES, where(chance(rng, 0.7, size), between(rng, 0, len(_NOTES), size))),
            "duration_s": pa.array(lasts, mask=lasts < 0),
        }
    ).take(pa.array(order))
    return table.add_column(0, "interaction_id", numbered("X", np.arange(size), 8))


def _owners_contacts(rng: np.random.Generator, scene: Scene) -> tuple[Ints, Ints]:
    timeline, people = scene.timeline, scene.people
    since = people.created_s[people.owned]
    months = (timeline.end_s - since) / (30 * DAY_S)
    place, _ = repeated(rng.poisson(_MONTHLY_CONTACTS * months))
    moment_s = since[place] + (rng.random(len(place)) * (timeline.end_s - since[place])).astype(np.int64)
    # At office hours, on any day.
    return people.owned[place], np.minimum(moment_s // DAY_S * DAY_S + between(rng, 9 * 3600, 18 * 3600, len(place)), timeline.end_s - 1)


def draw_followers(rng: np.random.Generator, people: People) -> Ints:
    """The customers whom a messenger knows too, under names of its own."""
    return np.flatnonzero(people.is_chinese & ~people.is_company & chance(rng, _FOLLOWERS_SHARE, len(people)))


def identities_table(followers: Ints) -> pa.Table:
    """The canonical ``identities``: which name of the messenger is which customer."""
    return pa.table(
        {
            "source": same(MESSENGER, len(followers)),
            "source_customer_id": joined(f"{MESSENGER}:", _messenger_names(followers)),
            "customer_id": numbered("C", followers),
        }
    )


def _messenger_names(customers: Ints) -> pa.Array:
    return joined("o", numbered("", customers * 7919 % 99_999_989, 8))


def messages_table(rng: np.random.Generator, scene: Scene, followers: Ints) -> pa.Table:
    """Interactions as the messenger exports them: its own names for customers, and no employees."""
    timeline = scene.timeline
    place, _ = repeated(1 + rng.poisson(1.0, len(followers)))
    customer, size = followers[place], len(place)
    since = scene.people.created_s[customer]
    at_s = since + (rng.random(size) * (timeline.end_s - since)).astype(np.int64)
    inward = chance(rng, 0.6, size)
    return pa.table(
        {
            "interaction_id": numbered("WX", np.arange(size)),
            "customer_id": _messenger_names(customer),
            "occurred_at": timeline.instants(at_s),
            "channel": words(("wechat",), np.zeros(size, dtype=np.int64)),
            "direction": words(("inbound", "outbound"), 1 - inward.astype(np.int64)),
        }
    )


def tasks_table(rng: np.random.Generator, scene: Scene) -> pa.Table:
    """The canonical ``tasks`` of the account owners: most done, some overdue, some still to come."""
    timeline, people = scene.timeline, scene.people
    place, _ = repeated(rng.poisson(1.5, len(people.owned)))
    customer = people.owned[place]
    since = people.created_s[customer]
    due_s = since + (rng.random(len(customer)) * (timeline.end_s + 14 * DAY_S - since)).astype(np.int64)
    due_s = (due_s // DAY_S + 1) * DAY_S - 6 * 3600  # by six in the evening
    done_s = timeline.past(np.maximum(due_s + between(rng, -5 * DAY_S, 4 * DAY_S, len(due_s)), since))
    done_s = where(chance(rng, 0.88, len(due_s)), done_s)
    return pa.table(
        {
            "task_id": numbered("Z", np.arange(len(customer))),
            "customer_id": numbered("C", customer),
            "owner_id": numbered("E", people.owner[customer], 4),
            "kind": words(_TASK_KINDS, between(rng, 0, len(_TASK_KINDS), len(customer))),
            "due_at": timeline.instants(due_s),
            "done_at": timeline.instants(done_s),
            "outcome": words(("reached", "no answer"), where(done_s >= 0, picks(rng, (4, 1), len(customer)))),
        }
    )
