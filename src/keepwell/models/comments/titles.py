"""What topics are called before readers."""

from keepwell.models.comments.glossary import themes

LABEL_PHRASES = 3
WAITS = {
    "first_response": ("time to the first response", "首次响应时长"),
    "resolution": ("time to the solution", "解决时长"),
    "missed_deadline": ("missed deadlines", "超时未解决"),
}


def title_of(topic: str, *, is_chinese: bool) -> str:
    """A theme's label in that language; a found topic is called by its own phrase."""
    theme = themes().get(topic)
    if theme is None:
        return topic
    return theme.chinese if is_chinese else theme.english


def topic_label(topic: str, phrases: str, *, is_chinese: bool) -> str:
    """The title of a theme; of a found topic its first phrases, for one word seldom says enough."""
    title = title_of(topic, is_chinese=is_chinese)
    return title if topic in themes() else ", ".join(phrases.split(", ")[:LABEL_PHRASES])


def driver_title(kind: str, driver: str, *, is_chinese: bool) -> str:
    """What a driver is called: a wait and a theme by their words, a question by its id."""
    if kind == "wait":
        return WAITS[driver][1 if is_chinese else 0]
    return title_of(driver, is_chinese=is_chinese) if kind == "topic" else driver
