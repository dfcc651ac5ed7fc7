"""What is left of personal data for those who may not see it: enough to tell two customers apart, not enough to reach one.

The entities say which columns are personal; how each is masked stands here. One that is not named here is hidden wholly, so a new
personal column is never shown by mistake.
"""

from keepwell.lake.entity import Column, entities

FEWEST_DIGITS = 7  # of a number whose last four tell little
DIGITS = "regexp_replace({v}, '[^0-9]', '', 'g')"

# column -> SQL over its value {v}, which is text; the first letter of a Chinese name is a family name
MASKS = {
    "name": "left(trim({v}), 1) || case when regexp_matches(trim({v}), '^\\p{{Han}}') then '**' else '***' end",
    "email": "case when instr(trim({v}), '@') > 1 then left(trim({v}), 1) || '***@' || substr(trim({v}), instr(trim({v}), '@') + 1, 1) else '' end || '***'",
    "phone": f"'***' || case when length({DIGITS}) >= {FEWEST_DIGITS} then right({DIGITS}, 4) else '' end",
    "birth_date": "'****' || strftime(cast({v} as DATE), '-%m-%d')",
}


def masked(column: Column, value: str) -> str:
    """SQL for what is shown of a personal column; ``value`` is SQL for what is known. Of what is no personal column, all."""
    if not column.is_personal:
        return value
    if column.name not in MASKS:
        return "cast(null as VARCHAR)"
    known = f"nullif(trim(cast({value} as VARCHAR)), '')"
    return f"case when {known} is not null then {MASKS[column.name].format(v=f'cast({value} as VARCHAR)')} end"


def masked_profile(column: str, row: str, kind: str) -> str:
    """SQL for a column of ``profiles``; ``row`` is the table's alias and ``kind`` SQL for whether a customer is a person or a company.

    A company's name is no personal data, and a colleague's is what one calls the owner of a customer by; both are shown.
    """
    owner = next(c for e in entities().values() if e.person for c in e.personal_columns if c.name == column)
    value = f"{row}.{column}"
    if column == "name":
        is_shown = f"{row}.person = 'employee' or ({row}.person = 'customer' and {kind} = 'company')"
        return f"case when {is_shown} then {value} else {masked(owner, value)} end"
    return masked(owner, value)
