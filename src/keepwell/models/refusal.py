"""When an estimator does not estimate."""

from keepwell.core.errors import KeepwellError


class RefusedError(KeepwellError):
    """The data do not carry an estimate; the message says why, and the hint what would help, each in both languages."""

    def __init__(self, message: str, hint: str | None = None, *, chinese: str, chinese_hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.chinese, self.chinese_hint = chinese, chinese_hint

    def reason(self, *, is_chinese: bool) -> str:
        """Why, without what would help."""
        return self.chinese if is_chinese else self.message

    def told(self, *, is_chinese: bool) -> str:
        """Why, and what would help."""
        parts = (self.chinese, self.chinese_hint) if is_chinese else (self.message, self.hint)
        return ("" if is_chinese else " ").join(filter(None, parts))
