"""What a workspace chose for an estimator, kept with the run; a change since the last run is said."""

from collections.abc import Mapping

from keepwell.models.estimator import Parameter, Sight

CHOSEN = "chosen."
MOST_TOLD = 4


def noted(sight: Sight, model: str, settings: Mapping[str, float]) -> tuple[list[Parameter], str]:
    """The settings as parameters, and a sentence on what the last run was set to otherwise ("" where nothing changed)."""
    kept = [Parameter(f"{CHOSEN}{name}", value) for name, value in settings.items()]
    before = sight.previous.parameters.get(model, {}) if sight.previous else {}
    was = {name.removeprefix(CHOSEN): value for name, value in before.items() if name.startswith(CHOSEN)}
    if not was or sight.previous is None:
        return kept, ""
    changed = [n for n in dict.fromkeys((*was, *settings)) if was.get(n) != settings.get(n)]
    if not changed:
        return kept, ""
    told = sight.say(", ", "，").join(f"{n} {_shown(was.get(n))} → {_shown(settings.get(n))}" for n in changed[:MOST_TOLD])
    told += " …" if len(changed) > MOST_TOLD else ""
    return kept, sight.say(f" Set otherwise than in {sight.previous.run_id}: {told}.", f"设置与 {sight.previous.run_id} 不同：{told}。")


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
