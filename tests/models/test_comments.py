"""Comments on their own: language, sentences, sentiment, topics and what they do to a score, beside public data and hand calculations."""

import csv
import functools
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from factories.journey import DATA, needs
from factories.voices import answers
from keepwell.core.errors import WrongUseError
from keepwell.models.comments.effects import effect_or_none
from keepwell.models.comments.glossary import themes
from keepwell.models.comments.language import Language, language_of
from keepwell.models.comments.lexicon import lexicons, polarity
from keepwell.models.comments.sentences import masked, sentences
from keepwell.models.comments.sentiment import LEAST_EACH, FittedSentiment, Sentiment
from keepwell.models.comments.topics import FittedTopics, Topics
from keepwell.models.comments.words import stem, words
from keepwell.models.refusal import RefusedError

HOTELS: Path = DATA / "chinese_sentiment" / "ChnSentiCorp_htl_all.csv"
VERBATIMS: Path = DATA / "nps_verbatims_textsummary" / "nps_verbatims.csv"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# ----------------------------------------------------------------- language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Delivery was slow", Language.ENGLISH),
        ("物流太慢了", Language.CHINESE),
        ("APP闪退，打不开", Language.CHINESE),
        ("iPhone app 很好", Language.CHINESE),
        ("I love 茶", Language.ENGLISH),
        ("café and crème brûlée were lovely, thank you all so very much indeed for having us there again", Language.OTHER),
        ("Das Päckchen kam zu spät", Language.OTHER),
        ("とても良いホテルでした", Language.OTHER),
        ("Очень хорошо", Language.OTHER),
        ("10/10 👍", Language.OTHER),
        ("", Language.OTHER),
    ],
)
def test_language_is_told_by_characters(text: str, language: Language) -> None:
    if text.startswith("café"):
        # three of nineteen words have an accent: more than one of ten
        assert sum(any(ord(letter) > 127 for letter in word) for word in text.split()) / len(text.split()) > 0.1
    assert language_of(text) is language


@needs(HOTELS, VERBATIMS)
def test_language_of_real_comments() -> None:
    reviews = [r["review"] for r in rows_of(HOTELS) if r["review"]]
    assert np.mean([language_of(t) is Language.CHINESE for t in reviews]) > 0.999
    said = [r["text"] for r in rows_of(VERBATIMS) if len(r["text"].split()) > 3]
    assert np.mean([language_of(t) is Language.ENGLISH for t in said]) > 0.999


# ---------------------------------------------------------------- sentences


def test_sentences_end_where_readers_see_an_end() -> None:
    assert sentences("It cost 3.5 pounds. Too much! Why? ") == ["It cost 3.5 pounds.", "Too much!", "Why?"]
    assert sentences("快递太慢了！等了十天。很失望") == ["快递太慢了！", "等了十天。", "很失望"]
    assert sentences(" \n ") == []


@pytest.mark.parametrize(
    ("text", "hidden", "kept"),
    [
        ("Write to ann.lee+x@example.co.uk today", "ann.lee", "Write to [e-mail] today"),
        ("Call 0207 946 0958 or +44 (0)20 7946 0958", "0958", "Call [number] or [number]"),
        ("电话13800138000没人接", "138", "电话[number]没人接"),
        ("Order AB123456C is lost", "AB123456C", "Order [number] is lost"),
        ("I live at SW1A 1AA since 2019", "SW1A", "I live at [postcode] since 2019"),
        ("Mrs. Smith was kind", "Smith", "Mrs. [name] was kind"),
        ("王女士态度好", "王", "某女士态度好"),
        ("see https://example.com/x?y=1 now", "example", "see [link] now"),
        ("waited 10 days, paid 35.50", "", "waited 10 days, paid 35.50"),
    ],
)
def test_what_points_to_a_person_is_masked(text: str, hidden: str, kept: str) -> None:
    assert masked(text) == kept
    assert not hidden or hidden not in masked(text)


# ---------------------------------------------------------------- sentiment


@pytest.mark.parametrize(
    "text",
    ["Excellent, very helpful staff", "No problems at all", "not bad", "without delay", "服务很好", "没有问题，很满意", "不贵", "性价比高"],
)
def test_praise_is_heard(text: str) -> None:
    assert polarity(text) > 0


@pytest.mark.parametrize(
    "text",
    [
        "not very good", "Terrible service", "isn’t helpful", "far from perfect", "Good price, but delivery was late and the box broken",
        "服务不好", "不太满意", "一点都不方便", "快递太慢了", "没有惊喜，很失望",
    ],
)  # fmt: skip
def test_blame_is_heard(text: str) -> None:
    assert polarity(text) < 0


@pytest.mark.parametrize("text", ["I bought a kettle", "买了一个水壶", "差不多", "Das ist gut", ""])
def test_what_is_neither_is_zero(text: str) -> None:
    assert polarity(text) == 0


def test_a_word_praises_or_blames_but_never_both() -> None:
    for lexicon in lexicons().values():
        assert {1, -1, 0} == set(lexicon.values.values())
        assert all(word == word.lower() for word in lexicon.values)


@functools.cache
def of_hotels() -> FittedSentiment:
    rows = [r for r in rows_of(HOTELS) if r["review"]]
    return Sentiment().fit([r["review"] for r in rows], [r["label"] == "1" for r in rows])


@pytest.mark.slow
@needs(HOTELS)
def test_hotel_reviews_are_told_apart_in_cross_validation() -> None:
    """Characters alone, TF-IDF and logistic regression reach .90 on this file in five folds; the list of words does much worse."""
    judged = of_hotels().judged[Language.CHINESE]
    assert judged.texts > 7_700
    assert judged.learned is not None
    assert judged.learned_accuracy is not None
    assert judged.learned_accuracy >= 0.89
    assert judged.learned.auc > 0.95
    assert judged.is_learned
    assert 0.7 < judged.lexicon_accuracy < judged.learned_accuracy
    assert judged.majority_accuracy == pytest.approx(5_322 / 7_765, abs=0.001)


@pytest.mark.slow
@needs(HOTELS)
def test_what_is_learned_from_hotels_reads_new_reviews() -> None:
    good, bad = of_hotels().predict(["房间干净，服务热情，下次还会来", "房间又脏又吵，服务态度极差，再也不来了"])
    assert good > 0.5
    assert bad < -0.5


@needs(VERBATIMS)
def test_verbatims_are_told_apart_better_than_by_a_list_of_words() -> None:
    rows = [r for r in rows_of(VERBATIMS) if r["text"].strip() and r["NPS_RATING"] in {"Promoter", "Detractor"}]
    texts, happy = [r["text"] for r in rows], np.array([r["NPS_RATING"] == "Promoter" for r in rows])
    fitted = Sentiment().fit(texts, happy)
    judged = fitted.judged[Language.ENGLISH]
    assert judged.learned is not None
    assert judged.learned.auc_low > judged.lexicon.auc
    # the list of words as scikit-learn ranks it, each different text once
    distinct = {t: h for t, h in zip(texts, happy, strict=True) if language_of(t) is Language.ENGLISH}
    assert judged.lexicon.auc == pytest.approx(roc_auc_score(list(distinct.values()), [polarity(t) for t in distinct]), abs=0.005)


def spoken(size: int = 900) -> tuple[list[str], list[bool]]:
    rows = [r for r in answers(size=size, commented=1.0) if r["comment"]]
    return [r["comment"] for r in rows], [r["score"] >= 9 for r in rows]


def test_copies_of_a_text_teach_and_test_nothing_twice() -> None:
    texts, happy = spoken()
    once, often = Sentiment().fit(texts, happy), Sentiment().fit(texts * 3, happy * 3)
    assert once.judged == often.judged
    assert once.models.keys() == often.models.keys()
    assert (once.predict(texts) == often.predict(texts)).all()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_order_and_threads_do_not_change_a_digit_of_sentiment(threads: int) -> None:
    texts, happy = spoken()
    order = np.random.default_rng(threads).permutation(len(texts))
    first = Sentiment().fit(texts, happy).predict(texts)
    with threadpool_limits(threads):
        again = Sentiment().fit([texts[i] for i in order], [happy[i] for i in order]).predict(texts)
    assert (first == again).all()


def test_with_few_scored_comments_words_decide() -> None:
    texts, happy = spoken(LEAST_EACH)
    fitted = Sentiment().fit(texts, happy)
    assert not fitted.models
    assert all(j.learned is None for j in fitted.judged.values())
    assert fitted.predict(["very good"])[0] == polarity("very good")
    assert Sentiment().fit([], []).predict(["good", "坏了"]).tolist() == [polarity("good"), polarity("坏了")]
    with pytest.raises(WrongUseError, match="2 texts have 1 moods"):
        Sentiment().fit(["a", "b"], [True])


# ------------------------------------------------------------------- topics


def test_words_are_what_a_comment_may_be_about() -> None:
    told = [w for w in words("The deliveries weren't great, call 0207 946 0958!", Language.ENGLISH) if w != "|"]
    assert told == ["deliveries", "call"]
    assert stem("deliveries") == stem("delivery")
    assert stem("installed") == stem("installing") == stem("installs")
    # as jieba's dictionary cuts them; "very" and "good" name nothing
    assert [w for w in words("快递员的服务态度非常好", Language.CHINESE) if w != "|"] == ["快递", "服务态度"]


def test_every_theme_has_words_and_labels_in_both_languages() -> None:
    for name, theme in themes().items():
        assert name.isidentifier()
        assert language_of(theme.english) is Language.ENGLISH
        assert language_of(theme.chinese) is Language.CHINESE
        assert set(theme.patterns) == {Language.ENGLISH, Language.CHINESE}


def as_told(fitted: FittedTopics) -> dict[str, tuple[str | None, int, tuple[str, ...]]]:
    return {t.name: (t.theme, int(fitted.members[:, i].sum()), t.phrases) for i, t in enumerate(fitted.topics)}


def test_one_theme_in_two_languages_is_one_topic() -> None:
    rows = [r for r in answers(commented=1.0) if r["comment"]]
    texts = [r["comment"] for r in rows]
    fitted = Topics().fit(texts)
    at = {t.name: i for i, t in enumerate(fitted.topics)}
    delivery = fitted.members[:, at["delivery"]]
    # by hand: the parts of which comments on parcels are made, in both languages
    signs = ("parcel", "Delivery", "courier", "快递", "物流", "送货员")
    assert delivery.tolist() == [any(sign in t for sign in signs) for t in texts]
    assert fitted.topics[at["delivery"]].language is None
    quotes = [sentences(texts[q.comment])[q.sentence] for q in fitted.quotes(at["delivery"], np.ones(len(texts), bool))]
    assert {language_of(q) for q in quotes} == {Language.ENGLISH, Language.CHINESE}
    assert all(any(sign in q for sign in signs) for q in quotes)


@functools.cache
def of_verbatims() -> tuple[list[str], FittedTopics]:
    texts = [r["text"] for r in rows_of(VERBATIMS) if r["text"].strip()]
    return texts, Topics().fit(texts)


@needs(VERBATIMS)
def test_customers_of_a_telecom_speak_of_what_a_telecom_does() -> None:
    texts, fitted = of_verbatims()
    told = as_told(fitted)
    # counted by hand with other means: comments that hold the word itself
    for theme, sign in (
        ("network", "broadband"),
        ("installation", "engineer"),
        ("waiting", "waiting"),
        ("billing", "bill "),
        ("price", "price"),
    ):
        holds = sum(sign in t.lower() for t in texts)
        assert told[theme][1] >= holds
    assert {"engineer", "broadband"} <= {p for _, _, phrases in told.values() for p in phrases}
    found = [t for t in fitted.topics if not t.is_theme]
    assert len(found) >= 5
    assert {t.theme for t in found} >= {"network", "installation", "billing"}
    # most comments are about something, hardly any about half of all
    assert 0.7 < fitted.members.any(axis=1).mean() < 0.95
    assert fitted.members.sum(axis=1).max() <= 14


@needs(VERBATIMS)
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_order_and_threads_do_not_change_topics(threads: int) -> None:
    texts, fitted = of_verbatims()
    order = np.random.default_rng(threads).permutation(len(texts))
    with threadpool_limits(threads):
        again = Topics().fit([texts[i] for i in order])
    assert again.topics == fitted.topics
    assert again.found == fitted.found
    assert (again.members == fitted.members[order]).all()


def test_a_phrase_of_one_person_is_not_told() -> None:
    """Somebody writes his neighbour's name in thirty comments; others do not."""
    texts, _ = spoken(300)
    secret = [f"The parcel went to Podbielski again, nobody told me. Visit {i}." for i in range(30)]
    writers = [f"c{i}" for i in range(len(texts))] + ["one"] * len(secret)
    fitted = Topics().fit([*texts, *secret], writers=writers)
    told = " ".join(p for t in fitted.topics for p in (t.name, *t.phrases))
    assert "podbielski" not in told.lower()
    by_many = Topics().fit([*texts, *secret])
    assert "podbielski" in " ".join(p for t in by_many.topics for p in t.phrases).lower()


@pytest.mark.parametrize("texts", [[], ["Good"] * 49, ["とても良い"] * 500])
def test_too_few_comments_are_refused(texts: list[str]) -> None:
    with pytest.raises(RefusedError, match="topics need 50"):
        Topics().fit(texts)


def test_comments_without_a_topic_are_refused() -> None:
    with pytest.raises(RefusedError, match="no topic in common"):
        Topics().fit(["good"] * 500)


# ------------------------------------------------------------------ effects


def test_an_effect_by_hand() -> None:
    """Ten of forty speak of it and give 0, the others 100: the mean is 75 and would be 100 without them, 25 points less."""
    speaks = np.arange(40) < 10
    found = effect_or_none(np.where(speaks, 0.0, 100.0), speaks, np.arange(40))
    assert found is not None
    assert (found.share, found.mean_with, found.mean_without, found.effect) == (0.25, 0.0, 100.0, -25.0)
    # influence of each: (y − 75)/40, less 0 for the others: ten times (75/40)² and thirty times (25/40)², by 40/39; t of nine degrees
    error = np.sqrt((10 * (75 / 40) ** 2 + 30 * (25 / 40) ** 2) * 40 / 39)
    assert found.high - found.effect == pytest.approx(2.262157 * error, rel=1e-6)


@pytest.mark.parametrize("about", [9, 31])
def test_a_topic_or_a_rest_of_few_has_no_effect(about: int) -> None:
    assert effect_or_none(np.arange(40.0), np.arange(40) < about, np.arange(40)) is None
    assert effect_or_none(np.arange(40.0), np.arange(40) < 20, np.arange(40) % 4) is None


@pytest.mark.parametrize(("customers", "own"), [(400, 0.0), (100, 0.7)])
def test_the_interval_holds_the_truth_as_often_as_it_says(customers: int, own: float) -> None:
    """NPS votes of customers who answer again and again and have a leaning of their own: of 500 samples 95 % hold, within chance."""
    rng = np.random.default_rng(17)
    held = 0
    # the truth by a sample of two million
    share, lower = 0.15, 0.8
    truth = _effect_of(rng, 2_000_000, 2_000_000, own, share, lower)[0]
    for _ in range(500):
        effect, low, high = _effect_of(rng, 400, customers, own, share, lower)
        held += low <= truth <= high
        assert low <= effect <= high
    assert 0.925 <= held / 500 <= 0.985


def _effect_of(rng: np.random.Generator, size: int, customers: int, own: float, share: float, lower: float) -> tuple[float, float, float]:
    who = np.arange(size) % customers
    speaks = rng.random(size) < share
    leaning = np.sqrt(own) * rng.standard_normal(customers)[who] + np.sqrt(1 - own) * rng.standard_normal(size) - lower * speaks
    found = effect_or_none(np.where(leaning > 0.2, 100.0, np.where(leaning < -0.6, -100.0, 0.0)), speaks, who)
    assert found is not None
    return found.effect, found.low, found.high
