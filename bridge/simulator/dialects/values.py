"""Switches for values: the form of e-mail addresses, numbers, flags, ids and blanks."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.simulator.dialects.naming import walked
from bridge.simulator.dialects.switches import RECORDS, Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "email_text": switch(
        "How an e-mail address is written.",
        "candidates users",
        {
            "plain": "As it was entered.",
            "space": "With a space after it.",
            "spaces": "With spaces before and after it.",
            "nbsp": "With U+00A0, a no-break space, after it.",
            "zero_width": "With U+200B, a zero-width space, after it.",
            "bom": "With U+FEFF, a byte order mark, before it.",
            "line": "With CR LF after it.",
            "tab": "With a tab before it.",
            "mailto": "As mailto:ann@example.org.",
            "named": "As Ann Lee <ann@example.org>.",
            "angled": "As <ann@example.org>.",
            "two": "A candidate's two addresses in one text, separated by a semicolon; none in the second.",
            "two_comma": "A candidate's two addresses in one text, separated by a comma; none in the second.",
            "html": 'As <a href="mailto:ann@example.org">ann@example.org</a>.',
            "unicode_domain": "With an xn-- domain shown in its own letters.",
        },
        narrower={"two": "candidates", "two_comma": "candidates"},
    ),
    "amounts": switch(
        "How a job's salaries are written.",
        "jobs",
        {
            "as_entered": "In rows the text as entered, by id a number.",
            "text": "40000 as a text, by id too.",
            "decimals": "40000.00 as a text.",
            "number": "40000 as a number, in rows too.",
            "grouped": "40,000.00 as a text.",
            "german": "40.000,00 as a text.",
            "dotted": "40.000 as a text, which means forty thousand.",
            "pound": "£40,000 as a text.",
            "currency": "GBP 40000 as a text.",
            "spaced": "40 000 as a text, with U+00A0 between.",
            "thousands": "40k as a text.",
        },
    ),
    "row_flags": switch(
        "How rows write yes and no.",
        "jobs applications users",
        {
            "y_n": "y and n.",
            "Y_N": "Y and N.",
            "yes_no": "Yes and No.",
            "true_false": 'The texts "true" and "false".',
            "boolean": "true and false.",
            "one_zero": "The numbers 1 and 0.",
            "one_zero_text": 'The texts "1" and "0".',
            "minus_one": "The numbers -1 and 0, as in Visual Basic.",
            "y_blank": "y, and an empty text for no.",
            "y_null": "y, and null for no.",
        },
    ),
    "record_flags": switch(
        "How by-id records of jobs and candidates write yes and no.",
        "jobs candidates",
        {
            "boolean": "true and false.",
            "y_n": "y and n.",
            "yes_no": "Yes and No.",
            "true_false": 'The texts "True" and "False".',
            "one_zero": "The numbers 1 and 0.",
        },
    ),
    "ids": switch(
        "How ids are written.",
        "jobs candidates applications users statuses",
        {"number": "As numbers.", "text": "As texts.", "decimal": "As numbers with a decimal: 101.0."},
    ),
    "blanks": switch(
        "What is shown for a blank text.",
        f"{RECORDS} users",
        {
            "empty": "An empty text or null, as entered.",
            "null": "null.",
            "space": "A space.",
            "nbsp": "U+00A0, a no-break space.",
            "na": "N/A.",
            "dash": "A hyphen.",
        },
    ),
    "nulls": switch(
        "If a key with the value null is shown.",
        f"{RECORDS} users",
        {
            "shown": "It is shown.",
            "omitted": "It is omitted.",
            "blanks_omitted": "It is omitted, and so is a key with a blank text or an empty list.",
            "blank": "It is shown with an empty text.",
        },
    ),
    "texts": switch(
        "What the server does to every text.",
        f"{RECORDS} users",
        {
            "kept": "Nothing.",
            "padded": "It pads it with spaces to thirty characters, like char(30).",
            "html": "It HTML-escapes &, <, > and quotes.",
        },
    ),
}

_FLAGS: Final[Mapping[str, tuple[Any, Any]]] = {
    "y_n": ("y", "n"),
    "Y_N": ("Y", "N"),
    "yes_no": ("Yes", "No"),
    "true_false": ("true", "false"),
    "boolean": (True, False),
    "one_zero": (1, 0),
    "one_zero_text": ("1", "0"),
    "minus_one": (-1, 0),
    "y_blank": ("y", ""),
    "y_null": ("y", None),
}
_FLAG_KEYS: Final = frozenset(("active", "publishOnline", "activeRecord", "availableForWork"))
_EMAIL_KEYS: Final = frozenset(("email", "email2", "resourceEmail"))
_AMOUNT_KEYS: Final = frozenset(("publishSalaryFrom", "publishSalaryTo", "salaryFrom", "salaryTo"))
_WIDTH: Final = 30

_EMAILS: Final[Mapping[str, Callable[[str], str]]] = {
    "space": lambda text: f"{text} ",
    "spaces": lambda text: f"  {text}  ",
    "nbsp": lambda text: f"{text}\u00a0",
    "zero_width": lambda text: f"{text}\u200b",
    "bom": lambda text: f"\ufeff{text}",
    "line": lambda text: f"{text}\r\n",
    "tab": lambda text: f"\t{text}",
    "mailto": lambda text: f"mailto:{text}",
    "named": lambda text: f"{_display(text)} <{text}>",
    "angled": lambda text: f"<{text}>",
    "html": lambda text: f'<a href="mailto:{text}">{text}</a>',
    "unicode_domain": lambda text: _unicode_domain(text),
}

_AMOUNTS: Final[Mapping[str, Callable[[float], Any]]] = {
    "text": lambda number: f"{number:.15g}",
    "decimals": lambda number: f"{number:.2f}",
    "number": lambda number: int(number) if float(number).is_integer() else number,
    "grouped": lambda number: f"{number:,.2f}",
    "german": lambda number: f"{number:,.2f}".translate(str.maketrans(",.", ".,")),
    "dotted": lambda number: f"{number:,.0f}".replace(",", "."),
    "pound": lambda number: f"£{number:,.0f}",
    "currency": lambda number: f"GBP {number:.0f}",
    "spaced": lambda number: f"{number:,.0f}".replace(",", "\u00a0"),
    "thousands": lambda number: f"{number / 1000:.15g}k",
}

_BLANKS: Final[Mapping[str, str | None]] = {
    "null": None,
    "space": " ",
    "nbsp": "\u00a0",
    "na": "N/A",
    "dash": "-",
}
#: Keys whose values keep their form, because they are not prose.
_NOT_PROSE: Final = _EMAIL_KEYS | _AMOUNT_KEYS | _FLAG_KEYS | {"advertStatus", "documentType"}


def _display(address: str) -> str:
    return " ".join(part.capitalize() for part in address.partition("@")[0].split("."))


def _unicode_domain(address: str) -> str:
    local, at, domain = address.rpartition("@")
    try:
        return local + at + domain.encode("ascii").decode("idna") if "xn--" in domain else address
    except UnicodeError:
        return address


def with_values(dialect: Dialect, record: Any, by_id: bool, is_time: Callable[[str], bool]) -> Any:
    """Return a row or by-id record with its values in this dialect."""
    if dialect.any_set("email_text", "amounts", "row_flags", "record_flags"):
        record = _with_kinds(dialect, record, by_id)
    if dialect.any_set("texts", "blanks"):
        record = walked(record, lambda key, value: value if is_time(key) else _text(dialect, key, value))
    return record


def _with_kinds(dialect: Dialect, record: Any, by_id: bool) -> Any:
    flags = _FLAGS[dialect["record_flags" if by_id else "row_flags"]]
    if by_id and dialect["record_flags"] == "true_false":
        flags = ("True", "False")
    said = "record_flags" if by_id else "row_flags"
    email, amount = _EMAILS.get(dialect["email_text"]), _AMOUNTS.get(dialect["amounts"])

    def change(key: str, value: Any) -> Any:
        if key in _FLAG_KEYS and dialect.any_set(said) and value in ("y", "n", True, False):
            return flags[0] if value in ("y", True) else flags[1]
        if key in _EMAIL_KEYS and email and isinstance(value, str) and "@" in value:
            return email(value)
        if key in _AMOUNT_KEYS and amount:
            return _amount(value, amount)
        return value

    return walked(_two_in_one(dialect, record), change)


def _two_in_one(dialect: Dialect, record: Any) -> Any:
    mark = {"two": "; ", "two_comma": ", "}.get(dialect["email_text"])
    if mark is None or not isinstance(record, dict):
        return record
    held = record.get("contactDetails")
    if isinstance(held, dict):
        return {**record, "contactDetails": _joined(held, mark)}
    return _joined(record, mark)


def _joined(held: dict[str, Any], mark: str) -> dict[str, Any]:
    if not (held.get("email") and held.get("email2")):
        return held
    return {**held, "email": f"{held['email']}{mark}{held['email2']}", "email2": ""}


def _amount(value: Any, write: Callable[[float], Any]) -> Any:
    if isinstance(value, bool) or value in (None, ""):
        return value
    try:
        return write(float(str(value).replace(",", "")))
    except ValueError:
        return value


def _text(dialect: Dialect, key: str, value: Any) -> Any:
    if not isinstance(value, str) or key in _NOT_PROSE - _EMAIL_KEYS:
        return value
    if not value.strip():
        return _BLANKS.get(dialect["blanks"], value)
    if key in _NOT_PROSE:
        return value
    match dialect["texts"]:
        case "padded":
            return value.ljust(_WIDTH)
        case "html":
            return _escaped(value)
        case _:
            return value


def _escaped(text: str) -> str:
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(mark, entity)
    return text


def with_ids(dialect: Dialect, value: Any) -> Any:
    """Return a JSON value with its ids in this dialect."""
    write: Callable[[int], Any] | None = {"text": str, "decimal": float}.get(dialect["ids"])
    if write is None:
        return value

    def change(key: str, part: Any) -> Any:
        is_id = key == "id" or key.endswith("Id")
        return write(part) if is_id and isinstance(part, int) and not isinstance(part, bool) else part

    return walked(value, change)


def with_nulls(dialect: Dialect, value: Any) -> Any:
    """Return a JSON value with its nulls shown or omitted, at any depth."""
    how = dialect["nulls"]
    if how == "shown":
        return value
    if how == "blank":
        return walked(value, lambda _, part: "" if part is None else part)
    return _without_nulls(value, blanks=how == "blanks_omitted")


def _without_nulls(value: Any, blanks: bool) -> Any:
    if isinstance(value, list):
        return [_without_nulls(part, blanks) for part in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_nulls(part, blanks) for key, part in value.items() if part is not None}
    return {key: part for key, part in kept.items() if not (blanks and part in ("", []))}
