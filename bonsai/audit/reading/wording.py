"""Plain text, in one form wherever it comes from."""

from __future__ import annotations

import re

BOLD, PLAIN = "\ue010", "\ue011"  # bold begins and ends; they never leave the readers
REF, REF_END = "\ue012", "\ue013"  # around a label whose number is not known yet
_OWN = re.compile(f"[{BOLD}{PLAIN}]")
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_SINGLE = str.maketrans(
    {
        **_LIGATURES,
        **dict.fromkeys("\u2212\ufe63\uff0d", "-"),  # minus signs
        **dict.fromkeys("\u2010\u2011", "-"),  # hyphens
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),  # what nobody sees
        "\uff05": "%", "\u2215": "/", "\u2217": "*", "\u223c": "~", "\u00b5": "μ",
    }
)  # fmt: skip
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"
_POWER = re.compile(f"(?<=[0-9])[{_RAISED}]+")
_LOWERED = str.maketrans(_RAISED, "0123456789-+")


def tidy(text: str) -> str:
    """A text with single spaces, one kind of minus and hyphen, no ligatures; `10⁻³` is `10^-3`."""
    text = text.translate(_SINGLE)
    text = _POWER.sub(lambda found: "^" + found.group().translate(_LOWERED), text)
    text = " ".join("".join(each if each >= " " else " " for each in text).split())
    return re.sub(r"(?<=[×%]) (?=[,.;:)])", "", text)


def plain(text: str) -> str:
    """The same without marks of bold."""
    return tidy(_OWN.sub("", text))


def is_bold(text: str) -> bool:
    """Whether its first number, or all of it where it has none, lies between marks of bold."""
    depth, first, letters = 0, None, []
    for each in text:
        if each == BOLD:
            depth += 1
        elif each == PLAIN:
            depth = max(0, depth - 1)
        elif not each.isspace():
            letters.append(depth > 0)
            if each.isdigit() and first is None:
                first = depth > 0
    return bool(letters) and (all(letters) if first is None else first)
