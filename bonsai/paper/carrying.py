"""What a sentence states about results, held against verdicts, runs and metrics.

A sentence refers to what was measured by keys in braces. All patterns are looked for in the
sentence with its keys and names blanked out, so that places stay the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bonsai.evaluation import BASELINE_RUN
from bonsai.paper import vocabulary
from bonsai.paper.letters import AROUND, NAME, SPELT, fold, without
from bonsai.paper.scene import Carried, Scene

KEY = re.compile(r"\{([^{}\s]{1,200})\}|\[@([^\[\]\s]{1,200})\]")
VERDICT = "\N{BULLET}"  # stands for the key of a verdict; no sentence may hold it
OTHER = {"higher": "lower", "lower": "higher", "better": "worse", "worse": "better"}
BEGINS = " (\"'“‘"
ENDS = re.compile(r"(?=$|[\s)\"'”’]|[.,;:!?](?:[\s)\"'”’]|$))")
PLAIN = str.maketrans("–—‘’", "--''")
TOGETHER = frozenset({"ahead", "notable"})  # what plain words may spell: `a head`
NEAR = 4  # words after a value in which its run may be named: `for the baseline`


def blanked(sentence: str, scene: Scene) -> str:
    """A sentence with keys and names blanked out, of the same length, in plain letters."""

    def blank(found: re.Match[str]) -> str:
        key = found.group(1) or ""
        return (VERDICT if key.endswith(".verdict") else " ") * len(found.group())

    return fold_same(without(KEY.sub(blank, sentence), scene.odd))


def fold_same(text: str) -> str:
    """A text in plain letters and dashes, each letter one, so that places stay the same."""
    return "".join(fold(letter)[0] for letter in text).translate(PLAIN)


def misused_key(sentence: str, scene: Scene) -> str:
    """Why a key may not stand: it is not there, or what is around it makes another value of it."""
    before: re.Match[str] | None = None
    for found in KEY.finditer(sentence):
        key, cited = found.groups()
        if key and key not in scene.values:
            return f"there is no value with the key {{{key}}}"
        if cited and cited not in scene.references:
            return f"there is no reference [@{cited}]; only those that are listed may be cited"
        if found.start() and sentence[found.start() - 1] not in BEGINS:
            return f"{found.group()} must stand by itself, with a space before it"
        if not ENDS.match(sentence, found.end()):
            return f"{found.group()} must stand by itself, with a space after it"
        if key and (fault := _misread(sentence, found, before)):
            return fault
        before = found if key else None
    return ""


def _misread(sentence: str, found: re.Match[str], before: re.Match[str] | None) -> str:
    start = before.end() if before else 0
    between = fold(sentence[start : found.start()])
    if before and not re.search(r"[a-z]|^(?:[,;] | \()$", between, re.IGNORECASE):
        return f"{before.group()} and {found.group()} need words between them"
    if word := vocabulary.BEFORE.search(between):
        return f"{word.group().strip()!r} before {found.group()} makes another value of it"
    if word := vocabulary.AFTER.match(fold(sentence[found.end() :])):
        return f"{found.group()} comes with its unit; {word.group().strip()!r} may not follow it"
    return ""


class _Owner(NamedTuple):
    """Whose value it is; what is empty is not said by its key."""

    run: str
    idea: str
    metric: str


def misplaced_value(sentence: str, scene: Scene) -> str:
    """Why a value may not stand beside the name of another run, idea or metric."""
    ideas = {_last(start.rpartition(".")[0]) for start in (*scene.runs, *scene.claims)}
    ideas &= scene.odd
    runs = {_last(start) for start in scene.runs} | {"baseline"}
    metrics = scene.metrics & scene.odd
    for found in KEY.finditer(sentence):
        owner = _owner(found.group(1) or "", scene)
        if owner is None:
            continue
        before = _names(sentence[: found.start()])[::-1]
        after = _names(re.split(r"[,;:{]|\band\b", sentence[found.end() :])[0])[:NEAR]
        for own, known in zip(owner, (runs, ideas, metrics), strict=True):
            near = [name for name in after if name in known] + [
                name for name in before if name in known
            ]
            if own and near and near[0] != own:
                return (
                    f"{found.group()} is a value of {own}, and stands beside {near[0]}; write the "
                    "name that it belongs to just before it"
                )
    return ""


def _names(text: str) -> list[str]:
    return [found.group() for found in NAME.finditer(KEY.sub(" ", text))]


def _owner(key: str, scene: Scene) -> _Owner | None:
    for start in scene.runs:
        if key.startswith(f"{start}."):
            run = _last(start)
            idea = "" if run == "baseline" else _last(start.rpartition(".")[0])
            metric = key.rsplit(".", 1)[-1]
            return _Owner(run, idea, metric if metric in scene.metrics else "")
    for start, claim in scene.claims.items():
        if key.startswith(f"{start}."):
            what, idea = key.removeprefix(f"{start}."), _last(start.rpartition(".")[0])
            if what in ("value", "other"):
                run = claim.run if what == "value" else claim.against
                other = run == BASELINE_RUN
                return _Owner("baseline" if other else run, "" if other else idea, claim.metric)
            if what in ("difference", "smallest_effect"):
                return _Owner("", idea, claim.metric)
            return _Owner("", idea, "")
    return None


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def uncarried(sentence: str, scene: Scene) -> str:
    """Why a word of a result may not stand: no verdict that the sentence refers to carries it."""
    bare = blanked(sentence, scene)
    for pattern, why in (
        (vocabulary.NEVER, "no verdict carries {}: not everything was compared with everything"),
        (vocabulary.SAME, "no verdict carries {}: that nothing differs cannot be measured; give "
                          "the difference and the verdict by their keys"),
        (vocabulary.TRICKS, "{} may be read in two ways; say it plainly"),
        (vocabulary.VERDICT, "write the verdict {} as its {{key}}"),
    ):  # fmt: skip
        if found := pattern.search(bare):
            return why.format(repr(found.group()))
    if spelt := _spelt(bare):
        return f"{spelt!r} spells a word of results"
    keys = [key for key, _ in KEY.findall(sentence) if key]
    leaned = [claim for start, claim in scene.claims.items()
              if any(key.startswith(f"{start}.") for key in keys)]  # fmt: skip
    for start, end in _clauses(bare):
        for found, senses in _words(bare, start, end):
            before = bare[start : found.start()]
            if _asked(before, bare[found.end() : end], bool(leaned)):
                continue
            denied = bool(vocabulary.NEGATION.search(before))
            if not leaned or not all(_carries(claim, senses, denied) for claim in leaned):
                return (
                    f"no verdict carries {('not ' if denied else '') + found.group()!r}: the "
                    "sentence must refer, by a key, to a claim whose verdict says so; or say what "
                    "was claimed, and after it the verdict as a key"
                )
    return ""


def _spelt(bare: str) -> str:
    """A word of results that is written in pieces: `out performs`, `be-tter`."""
    pieces = [each.strip(AROUND) for each in re.split(r"[\s\-/']+", bare.lower())]
    for number, piece in enumerate(pieces):
        if not piece or _is_result(piece):
            continue  # a whole word, which is looked at by itself
        for end in range(number + 2, min(number + SPELT, len(pieces)) + 1):
            word = "".join(pieces[number:end])
            if word not in TOGETHER and _is_result(word):
                return " ".join(pieces[number:end])
    return ""


def _is_result(word: str) -> bool:
    return any(pattern.fullmatch(word) for pattern in vocabulary.RESULTS)


def _clauses(bare: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in vocabulary.CLAUSE.finditer(bare):
        yield start, found.start()
        start = found.end()
    yield start, len(bare)


def _words(bare: str, start: int, end: int) -> Iterator[tuple[re.Match[str], frozenset[str]]]:
    """Words of results in a clause, with what they say; certainty says nothing but itself."""
    for pattern, senses in ((vocabulary.CERTAIN, frozenset[str]()), *vocabulary.SENSES):
        for found in pattern.finditer(bare, start, end):
            yield found, senses


def _asked(before: str, after: str, leaned: bool) -> bool:
    """Whether a result is only asked for: in a question, or claimed with the verdict after it."""
    if vocabulary.QUESTION.search(before):
        return True
    return leaned and VERDICT in after and bool(vocabulary.FRAMING.search(before))


def _carries(claim: Carried, senses: frozenset[str], denied: bool) -> bool:
    if not senses:
        certain = claim.word in ("supported", "refuted")
        return claim.word == "undecided" if denied else certain
    if claim.word == "supported":
        carried = {"better", claim.direction}
        if not denied:
            return bool(carried & senses)
        return not carried & senses
    if claim.word != "refuted":
        return False
    if denied:
        return bool({"better", claim.direction} & senses)
    return claim.lost and bool({"worse", OTHER[claim.direction]} & senses)


def work_without_run(sentence: str, scene: Scene) -> str:
    """Why a statement of work may not stand: it refers to no run and no claim by a key."""
    bare = vocabulary.ASKING.sub("", blanked(sentence, scene))
    if found := vocabulary.NOT_DONE.search(bare):
        if not set(re.findall(r"[a-z]+", found.group().lower())) <= scene.known:
            return f"{found.group()!r} is nothing that the template or the idea speaks of"
    else:
        found = vocabulary.DONE.search(bare)
    if found is None:
        return ""
    keys = [key for key, _ in KEY.findall(sentence) if key]
    if any(key.startswith(f"{start}.") for start in (*scene.claims, *scene.runs) for key in keys):
        return ""
    return f"{found.group()!r} says that something was run; refer to the run or claim by a key"


def result_word(text: str) -> str:
    """Why somebody's own words may not be quoted: they state a result."""
    bare = fold(text)
    for pattern in vocabulary.RESULTS:
        if found := pattern.search(bare):
            return f"{found.group()!r} states a result"
    return ""
