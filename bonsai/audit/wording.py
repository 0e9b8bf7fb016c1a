"""What a sentence names, for the checks that read words and not numbers."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bonsai.audit.document import Block, Document
from bonsai.audit.facts import Facts, Metric, Run

PROSE = ("title", "abstract", "heading", "paragraph", "caption")
ABBREVIATED = re.compile(
    r"\b(?:e\.g|i\.e|et al|cf|vs|resp|approx|Figs?|Tab|Sec|Eqs?|Ref|No|acc|max|min|avg|std)\.$"
)
END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))\s+(?=[^a-z\s])")
# Sections about what others did, or about what is still to be done.
OTHERS = re.compile(r"\b(?:related|prior|previous|background|literature|preliminar\w+)\b", re.I)
INTRODUCING = re.compile(r"\b(?:introduction|motivation|abstract)\b", re.I)
OWN_WORK = re.compile(r"\b(?:we|our|ours|this (?:paper|work|study)|here)\b", re.I)
CITED = re.compile(r"\[[\d,;\s]+\]|\bet al\b|\((?:[^()]*,\s*)?(?:19|20)\d\d[a-z]?\)")
# Nothing is claimed by what would be, what is denied, and what is left to others.
NOT_CLAIMED = re.compile(
    r"\b(?:would|could|should|may|might|will|future|plan(?:s|ned)?\s+to|remains?|left\s+(?:for|to|out)"
    r"|next\s+step|whether|if|not|never|no|none|nobody|nothing|neither|nor|without\s+claiming|cannot"
    r"|hypothes[ei]\w*|expect\w*|refuted\s+if|asks?|question)\b|n't\b|n[’']t\b",
    re.I,
)
OWN = re.compile(
    r"\b(?:ours|our (?:\w+ )?(?:method|approach|model|variant)|(?:the|our) proposed \w+)\b", re.I
)
MOST_SAID = 160  # characters of what a row quotes


def words(text: str) -> tuple[str, ...]:
    """Words that are given with spaces between them."""
    return tuple(text.split())


def one_of(text: str) -> str:
    """A pattern for one of several words, which are given with spaces between them."""
    return f"(?:{'|'.join(text.split())})"


ENDINGS = words("isation ization ations ation ings ing ies ied ed es s ly al e y")
COMMON = frozenset(
    words(
        """a all also an and another any are as at based be been before between both by each every
        for from has have in into is it its least less method model models more most no not of on
        one only or other our over paper per result results run runs same some study such than that
        the their then these they this those to two under us use used uses using value values very
        via was we were what when where which while who with without after"""
    )
)


def sentences(text: str) -> list[str]:
    """The sentences of a text; abbreviations and decimal points end none."""
    found: list[str] = []
    for piece in END.split(text):
        if found and ABBREVIATED.search(found[-1]):
            found[-1] += " " + piece
        elif piece.strip():
            found.append(piece.strip())
    return found


def claims(document: Document, others: bool = False) -> Iterator[tuple[Block, str]]:
    """Each sentence of the paper's own words, with its block.

    Args:
        document: the paper.
        others: whether sections on the work of others count as well.
    """
    for block in document.blocks:
        if block.kind not in PROSE or (not others and OTHERS.search(block.section)):
            continue
        for sentence in sentences(block.text):
            yield block, sentence


def is_own(block: Block, sentence: str, facts: Facts) -> bool:
    """Whether a sentence is about what this paper did, and not about its subject at large."""
    if OWN_WORK.search(sentence) or mentions(sentence, facts):
        return True
    if CITED.search(sentence):
        return False
    if block.kind == "abstract" or INTRODUCING.search(block.section):
        return bool(metrics(sentence, facts))
    return True


def shortened(text: str, most: int = MOST_SAID) -> str:
    """A text as a row quotes it."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def around(text: str, start: int, end: int, most: int = MOST_SAID) -> str:
    """A piece of a text with what stands around it, as a row quotes it."""
    if len(text) <= most:
        return " ".join(text.split())
    room = max(0, most - (end - start)) // 2
    low, high = max(0, start - room), min(len(text), end + room)
    middle = " ".join(text[low:high].split())
    return ("…" if low else "") + middle + ("…" if high < len(text) else "")


@functools.lru_cache(maxsize=100_000)  # the names of runs are looked for in every sentence
def plain(text: str) -> str:
    """A text for comparison: lower case, and single spaces for what joins words in names."""
    text = unicodedata.normalize("NFKC", text).lower()
    return " ".join(re.sub(r"[\s_\-–‐/]+", " ", text).split())


def stem(word: str) -> str:
    """A word without its ending, which its number or tense gives it; crude, and crude for all."""
    word = word.lower()
    for end in ENDINGS:
        if word.endswith(end) and len(word) - len(end) >= 4:
            return word[: -len(end)]
    return word


def stems(text: str) -> set[str]:
    """The words of a text that mean something, without their endings."""
    words = re.findall(r"[a-z][a-z0-9]+|\d+(?:\.\d+)?", plain(text))
    return {stem(word) for word in words if word not in COMMON}


@dataclass(frozen=True)
class Mention:
    """Runs that a piece of text may mean, and where it names them."""

    runs: tuple[Run, ...]
    start: int
    end: int

    @property
    def is_baseline(self) -> bool:
        """Whether it means a baseline and nothing else."""
        return all(run.is_baseline for run in self.runs)


def _spans(name: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a name stands as whole words, whatever joins its parts."""
    parts = plain(name).split()
    if not parts or " ".join(parts) not in plain(text):
        return
    pattern = r"(?<![\w.])" + r"[\s_\-–‐/]+".join(map(re.escape, parts)) + r"(?:['’]s)?(?![\w])"
    for found in re.finditer(pattern, text, re.I):
        word = text[found.start() : found.end()]
        # A short name is a name only where it is written as one: "He" is no pronoun then.
        if len(name) <= 3 and (not word[0].isupper() or found.start() == 0):
            continue
        yield found.start(), found.end()


def is_named(name: str, text: str) -> bool:
    """Whether a name stands in a text as whole words."""
    return next(_spans(name, text), None) is not None


def mentions(text: str, facts: Facts) -> list[Mention]:
    """The runs that a text names, in its order; of names that overlap, the longest."""
    labels, others = _labels(tuple(facts.runs.values()))
    there = set(re.findall(r"\w+", plain(text)))
    own = {
        label: runs
        for word in there
        for label, (words_of_it, runs) in labels.get(word, {}).items()
        if words_of_it <= there
    }
    found: list[Mention] = []
    for label in sorted(own, key=lambda each: (-len(each), each)):
        for start, end in _spans(label, text):
            if all(end <= each.start or start >= each.end for each in found):
                found.append(Mention(own[label], start, end))
    for each in re.finditer(OWN, text) if others else ():
        if all(each.end() <= one.start or each.start() >= one.end for one in found):
            found.append(Mention(others, each.start(), each.end()))
    return sorted(found, key=lambda each: each.start)


@functools.lru_cache(maxsize=8)  # they are looked for in every sentence, and there may be thousands
def _labels(
    runs: tuple[Run, ...],
) -> tuple[dict[str, dict[str, tuple[frozenset[str], tuple[Run, ...]]]], tuple[Run, ...]]:
    """What runs are called, by the last word of it; and those that `our method` means."""
    by_label: dict[str, list[Run]] = {}
    for run in runs:
        own = (run.name, *run.labels, *(("baseline", "control group") if run.is_baseline else ()))
        for label in own:
            if plain(label):
                by_label.setdefault(plain(label), []).append(run)
    for part, them in _parts(by_label).items():
        by_label.setdefault(part, them)
    by_word: dict[str, dict[str, tuple[frozenset[str], tuple[Run, ...]]]] = {}
    for label, them in by_label.items():
        if said := re.findall(r"\w+", label):
            by_word.setdefault(said[-1], {})[label] = frozenset(said), tuple(dict.fromkeys(them))
    others = tuple(run for run in runs if not run.is_baseline)
    alone = len({run.idea or run.name.split(" (")[0] for run in others}) == 1
    return by_word, others if alone else ()


def _parts(by_label: dict[str, list[Run]]) -> dict[str, list[Run]]:
    """Parts of labels that mean one run alone: `learned` of `dual-scale (learned)`."""
    found: dict[str, list[Run]] = {}
    for label, runs in by_label.items():
        inner = re.fullmatch(r"(.{3,}?)\s*\((.{4,})\)", label)
        for part in inner.groups() if inner else ():
            if any(letter.isalpha() for letter in part) and part not in COMMON:
                found.setdefault(part, []).extend(runs)
    return {part: runs for part, runs in found.items() if len({run.name for run in runs}) == 1}


def bare(metric: Metric) -> str:
    """A metric's key without what only says that it is a mean."""
    return re.sub(r"[_ ](?:mean|avg)$", "", metric.name.rsplit("/", 1)[-1])


def metrics(text: str, facts: Facts) -> list[Metric]:
    """The metrics that a text names, in its order; of names that overlap, the longest."""
    by_name: dict[str, list[Metric]] = {}
    for metric in facts.metrics.values():
        for name in {metric.name, bare(metric), *metric.names}:
            if len(plain(name)) > 1:
                by_name.setdefault(plain(name), []).append(metric)
    found: list[tuple[int, int, list[Metric]]] = []
    for name in sorted(by_name, key=len, reverse=True):
        for start, end in _spans(name, text):
            if all(end <= each[0] or start >= each[1] for each in found):
                found.append((start, end, by_name[name]))
    return list(
        dict.fromkeys(metric for _, _, them in sorted(found, key=lambda e: e[0]) for metric in them)
    )


def datasets(text: str, facts: Facts) -> list[str]:
    """The data sets that a text names."""
    known = {each.dataset for each in facts.measured if each.dataset}
    return [name for name in sorted(known) if is_named(name, text)]
