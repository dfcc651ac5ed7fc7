"""The comments of a workspace with their scores, and quotes read back; texts lie in the personal part of the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.access.visible import seen_tables
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.lake import Lake
from keepwell.lake.table import KEY_SEPARATOR, TEXTS
from keepwell.metrics.fact import facts
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Bools, Floats, Ints
from keepwell.models.comments.language import Language, languages
from keepwell.models.comments.sentences import masked, sentences

METRICS = ("nps", "csat")
MOST_COMMENTS = 200_000  # the newest
ROW_KEY = f"concat_ws({KEY_SEPARATOR}, response_id, question_id)"


@dataclass(frozen=True)
class Comments:
    """One place a comment, ordered by its key.

    ``scores`` are in points of the KPI (−100, 0, 100 of NPS; 0, 100 of satisfaction), not a number where the filled-in survey has none.
    ``mood`` is 1 of the happy, 0 of the unhappy, else not a number.
    """

    response_id: pa.Array
    question_id: pa.Array
    text: list[str]
    language: tuple[Language, ...]
    customer: Ints  # numbers; somebody else each time where unknown
    answered_on: Ints  # days since 1970
    scores: Mapping[str, Floats]
    mood: Floats

    def __len__(self) -> int:
        return len(self.text)

    def some(self, rows: Ints) -> "Comments":
        """Those at ``rows``."""
        at = pa.array(rows)
        return Comments(
            response_id=self.response_id.take(at),
            question_id=self.question_id.take(at),
            text=[self.text[i] for i in rows],
            language=tuple(self.language[i] for i in rows),
            customer=self.customer[rows],
            answered_on=self.answered_on[rows],
            scores={m: s[rows] for m, s in self.scores.items()},
            mood=self.mood[rows],
        )

    def since(self, day: int) -> Bools:
        """Which were written after that day."""
        found: Bools = self.answered_on > day
        return found


def comments_of(session: Session) -> Comments:
    """Comments of customers' surveys as of the session's day, the scores being those of the same filled-in survey."""
    session.make_ready(TEXTS)
    points = (
        "case metric when 'nps' then case when is_promoter then 100 when is_detractor then -100 else 0 end "
        "else case when is_satisfied then 100 else 0 end end"
    )
    mood = (
        "case when metric = 'nps' then case when is_promoter then 1 when is_detractor then 0 end "
        "when is_satisfied then 1 when points <= 50 then 0 end"
    )
    steps = (
        Steps()
        .then("answers", session.query_of(facts()["answers"], "answered_on"))
        .then(
            "scored",
            f"select response_id, metric, cast({points} as DOUBLE) as score, cast({mood} as DOUBLE) as mood,\n"
            "  row_number() over (partition by response_id, metric order by question_id) as place\n"
            f"from answers where is_answered and metric in ({', '.join(map(literal, METRICS))}) and (metric = 'nps' or is_satisfied is not null)",
        )
        .then("said", f"select row_key, comment from {TEXTS} where entity = 'responses' and comment is not null and trim(comment) <> ''")
        .then(
            "comments",
            "select a.response_id, a.question_id, a.customer_id, a.answered_on, s.comment,\n"
            "  row_number() over (order by a.answered_on desc, a.response_id, a.question_id) as place\n"
            f"from answers as a join said as s on s.row_key = concat_ws({KEY_SEPARATOR}, a.response_id, a.question_id) where not a.is_of_employee",
        )
        .then(
            "with_scores",
            "select c.response_id, c.question_id, c.customer_id, c.comment,\n"
            "  cast(datediff('day', DATE '1970-01-01', c.answered_on) as BIGINT) as answered_on,\n"
            f"  {', '.join(f'{m}.score as {m}' for m in METRICS)}, coalesce({', '.join(f'{m}.mood' for m in METRICS)}) as mood\n"
            "from comments as c\n"
            + "\n".join(
                f"left join scored as {m} on {m}.response_id = c.response_id and {m}.metric = {literal(m)} and {m}.place = 1"
                for m in METRICS
            )
            + f"\nwhere c.place <= {MOST_COMMENTS} order by c.response_id, c.question_id",
        )
    )
    return _comments(session.engine.arrow(steps))


def _comments(found: pa.Table) -> Comments:
    def numbers(name: str) -> Floats:
        return np.asarray(found.column(name).to_numpy(zero_copy_only=False), dtype=float)

    texts: list[str] = found.column("comment").to_pylist()
    return Comments(
        response_id=found.column("response_id").combine_chunks(),
        question_id=found.column("question_id").combine_chunks(),
        text=texts,
        language=tuple(languages(texts)),
        customer=numbered(found.column("customer_id")),
        answered_on=np.asarray(found.column("answered_on").to_numpy(), dtype=np.int64),
        scores={m: numbers(m) for m in METRICS},
        mood=numbers("mood"),
    )


def numbered(ids: pa.ChunkedArray) -> Ints:
    """Equal ids get equal numbers; each empty one a number of its own."""
    coded = ids.combine_chunks().dictionary_encode()
    at = coded.indices.to_numpy(zero_copy_only=False).astype(float)
    alone = ~np.isfinite(at)
    at[alone] = len(coded.dictionary) + np.arange(int(alone.sum()))
    found: Ints = at.astype(np.int64)
    return found


def day_before(as_of: date, days: int) -> int:
    """The day that many days earlier, as a number of days since 1970."""
    return (as_of - timedelta(days=days) - date(1970, 1, 1)).days


def quoted_sentences(lake: Lake, places: Sequence[Mapping[str, Any]], scope: Scope = EVERYTHING) -> list[str | None]:
    """The sentences that rows of ``topic_quotes`` point to, masked, as the texts are now; None where one is gone or hidden by ``scope``.

    An erased person's words are gone from the texts, and so from every quote of every run.
    """
    if not places:
        return []
    wanted = pa.table({n: pa.array([p[n] for p in places], pa.string()) for n in ("response_id", "question_id")})
    snapshot = lake.snapshot()
    with lake.engine(lake.folder / ".spill") as engine:
        seen_tables(snapshot, snapshot, lake, scope).register(engine, TEXTS)
        engine.lend("_wanted", wanted)
        steps = Steps().then("wanted", f"select distinct response_id, question_id, {ROW_KEY} as row_key from _wanted")
        query = f"select w.response_id, w.question_id, t.comment from wanted as w join {quoted(TEXTS)} as t on t.entity = 'responses' and t.row_key = w.row_key"
        rows = engine.arrow(steps.then("said", query)).to_pylist()
    said = {(r["response_id"], r["question_id"]): r["comment"] for r in rows}
    return [_sentence_or_none(said.get((p["response_id"], p["question_id"])), p["sentence"]) for p in places]


def _sentence_or_none(text: str | None, place: int) -> str | None:
    found = sentences(text) if text else []
    return masked(found[place]) if place < len(found) else None
