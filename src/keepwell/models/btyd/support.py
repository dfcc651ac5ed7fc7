"""When there is too little to learn from."""

from keepwell.models.btyd.summary import Groups
from keepwell.models.refusal import RefusedError

LEAST_REPEATERS = 50


class RefusedFitError(RefusedError):
    """A model that the data do not carry; the message says why."""


def check_enough(groups: Groups) -> None:
    """Refuse where too few customers came back."""
    if groups.repeaters < LEAST_REPEATERS:
        raise RefusedFitError(
            f"{int(groups.repeaters)} of {int(groups.size)} customers bought on a second day; the model needs {LEAST_REPEATERS}.",
            "Wait for more purchases, or import an older history.",
            chinese=f"{int(groups.size)} 位客户中仅有 {int(groups.repeaters)} 位在另一天再次购买，模型至少需要 {LEAST_REPEATERS} 位。",
            chinese_hint="请等待更多购买，或导入更早的历史数据。",
        )
    if not groups.age.max() > 0:
        raise RefusedFitError(
            "All purchases are of one day.",
            "Import a longer history.",
            chinese="所有购买都在同一天。",
            chinese_hint="请导入更长的历史数据。",
        )
