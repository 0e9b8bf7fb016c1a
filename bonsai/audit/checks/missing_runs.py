"""Work that a paper claims and no run has done: runs, ablations, data sets, studies of people."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bonsai.audit.document import Block, Document
from bonsai.audit.facts import Facts
from bonsai.audit.findings import Finding
from bonsai.audit.wording import (
    NOT_CLAIMED,
    OTHERS,
    PROSE,
    around,
    claims,
    is_own,
    mentions,
    metrics,
    one_of,
    plain,
    shortened,
    stems,
    words,
)

RUNS = re.compile(r"\bruns?[\s_~]*(\d+)((?:\s*(?:,|and|&|to|or|–|-)\s*\d+)*)\b(?!\.\d)", re.I)
# `we run 5 seeds`, `to run 3 times`: a verb, and not a name.
THINGS = one_of(
    """seeds? times epochs steps iterations experiments trials configurations repetitions episodes
    models jobs processes"""
)
COUNTED = re.compile(rf"\s*(?:\w+\s+)?{THINGS}\b", re.I)
# What was taken away, and where its name ends.
LACK = one_of("without w/o removing removed? remove dropping omitting disabling ablating excluding")
# `Without loss of accuracy`, `without increasing the cost`: nothing that a network has.
OF_NO_PART = one_of(
    r"""doubt loss exception difficulty further significant\w* substantial\w* additional extra any
    much clear noticeable overhead costs? improvements? changes? differences? degradation drops?
    penalty effects? gains? sacrific\w+ increas\w+ compromis\w+ requir\w+ using chang\w+ affect\w+
    losing adding modify\w* introduc\w+ degrad\w+ hurting reduc\w+ harm\w* need\w* limit\w* it them
    this that"""
)
NO_PART = re.compile(rf"(?:(?:the|an?|any)\s+)?{OF_NO_PART}\b", re.I)
WHAT = r"(?P<what>[^.,;:()|]{3,80}?)"
AFTER = one_of(
    r"""lost loses reduc\w+ drops? dropped fell falls lowers? lowered degrad\w+ decreas\w+
    increas\w+ hurts? leads? led results? resulted raises? raised is was are were has had makes?
    made gives? gave which that while and from shows? confirms? costs? changes? yields? reach\w* we
    improv\w+ worsen\w* outperform\w*"""
)
STOP = rf"(?=\s*(?:[.,;:()|]|$|\b(?:the\s+)?{AFTER}\b))"
ABLATION = re.compile(r"\bablat\w+", re.I)
LACKING = re.compile(rf"(?<![\w/]){LACK}\s+(?:of\s+)?{WHAT}{STOP}", re.I)
ABLATED = re.compile(rf"\bablat\w+\s*\(no\s+{WHAT}\)", re.I)
ABLATION_OF = re.compile(rf"\bablat\w+\s+(?:\w+\s+)?(?:of|on|over)\s+{WHAT}{STOP}", re.I)
ABLATES = re.compile(rf"\bablat(?:e|ed|es|ing)\s+(?:(?:the|our|its)\s+)?{WHAT}{STOP}", re.I)
TAKEN_AWAY = re.compile(
    rf"\b(?:when|once|after|if)\s+{WHAT}\s+(?:is|are|was|were)\s+(?:taken away|removed|disabled"
    r"|dropped|left out|switched off|turned off|ablated|omitted)\b",
    re.I,
)
WORSE = one_of(
    r"""reduc\w+ drop\w* degrad\w+ lost loses? falls? fell lower\w* hurts? worse\w* decreas\w+
    increas\w+ deteriorat\w+ improv\w+ performance better declin\w+ suffer\w* collaps\w+"""
)
OUTCOME = re.compile(rf"\b{WORSE}\b|\d", re.I)

# What is set, and not what came of it.
SETUP = re.compile(
    r"\b(?:set-?up|methods?|implementation|protocol|settings?|hyper-?param\w+)\b", re.I
)
STUDIES = (
    (re.compile(r"\b(?:user|human|survey|crowd\w*)[\s-]+(?:stud(?:y|ies)|evaluation|raters?|judg\w+)\b"
                r"|\b\w+ participants\b|\bannotators\b", re.I),
     ("participant", "user study", "human evaluation", "annotator", "rater"), "a study of people"),
    (re.compile(r"\bcross[\s-]validat\w+|\b\w+[\s-]fold\s+validation\b", re.I),
     ("cross valid", "kfold", "k fold", "cross_val"), "a cross-validation"),
    (re.compile(r"\b(?:grid|random|hyper-?parameter)\s+search(?:es)?\b"
                r"|\bhyper-?parameter\s+(?:sweep|tuning|optimi\w+)\b", re.I),
     ("grid search", "gridsearch", "random search", "hyperparameter", "hyper parameter", "optuna",
      "sweep"), "a search of settings"),
    (re.compile(r"\bsensitivity\s+(?:analys[ei]s|stud(?:y|ies))\b", re.I),
     ("sensitivity",), "an analysis of sensitivity"),
)  # fmt: skip
DID = re.compile(
    r"\b(?:we|was|were|has been|have been|our|confirm\w*|show\w*|perform\w*|conduct\w*|ran|led"
    r"|in (?:a|an|the)|find|found|indicat\w+|reveal\w*)\b",
    re.I,
)

WORK = (
    r"(?:evaluat\w+|experiment\w*|test(?:ed|s|ing)?|train(?:ed|ing)?|validat\w+|benchmark\w*"
    r"|repeat\w*|generali[sz]e[sd]?|transfers?|transferred|holds?|held|results?|gains?|improvements?"
    r"|confirmed|appl(?:y|ied))"
)
ON = re.compile(
    rf"\b(?i:{WORK})\b(?:[^.;:]{{0,60}}?)\bon\s+(?:the\s+|an?\s+|additional\s+|also\s+)?"
    r"(?P<what>(?:[\w\-./@+]+)(?:\s+[A-Z0-9][\w\-./@+]*){0,3})"
)
# What is named without a capital is a data set only where it stands beside others.
ALSO_ON = re.compile(r"\b(?:also|additionally|same)\s+(?:\w+\s+)?\w+\s+on\s+(?:the\s+)?$", re.I)
VERSUS = re.compile(
    r"\b(?:outperform\w*|surpass\w*|beats?|exceed\w*|compar(?:ed?|ing|ison)\s+(?:to|with|against)"
    r"|(?:better|worse|higher|lower|faster|slower)\s+than|versus|vs\.?)\s+"
    r"(?:the\s+|an?\s+|that\s+of\s+|those\s+of\s+)*(?P<what>[A-Z][\w\-+]*(?:\s+[A-Z0-9][\w\-+]*){0,3})"
)
NO_DATA = frozenset(
    words(
        """a account all amd an and another any appendix average both cpu cpus cuda data dataset
        datasets each either equation every figure figures four five fresh gpu gpus held how images
        inputs intel it its jax left line linux many most numpy nvidia one other others our ours
        page paired python pytorch right run runs section sections seed seeds set sets several some
        table tables tasks tensorflow test that the their them these this those three time top
        training two ubuntu unseen validation wall"""
    )
)
# `Experiments on 2D data`, `tested on a V100`: what data are like, and machines.
LIKE = re.compile(
    r"\s+(?:data|texts?|images?|inputs?|distributions?|noise|tasks?|problems?)\b", re.I
)
MACHINE = re.compile(
    r"^(?:[ATVHLP]\d{1,3}s?|RTX|GTX|TPUs?|Colab|Google Colab|AWS|Azure|Xeon|Ryzen|Apple|MacBook)\b"
)
ROW = re.compile(r"(?:\bwithout|\bw/o|\bno|\bminus|^[-−–])\s+(?P<what>.{3,80})$", re.I)
ABLATION_SECTION = re.compile(rf"\bablat\w+(?:\s+stud(?:y|ies))?\s*(?:of|on|:)\s+{WHAT}$", re.I)
# Named so often that no list of results is needed to know them for data sets.
FAMOUS = re.compile(
    r"^(?:mnist|emnist|kmnist|fashion-?mnist|cifar-?\d+|imagenet\S*|svhn|coco|cityscapes|celeba"
    r"|wikitext\S*|glue|superglue|squad|wmt\d*|librispeech|openwebtext|lm1b|c4|penn treebank)$",
    re.I,
)


def missing_runs(document: Document, facts: Facts) -> Iterator[Finding]:
    """What is told of runs that are not there."""
    done = _Done(facts)
    told: set[tuple[str, str]] = set()
    for finding in (*_numbered(document, facts), *_claimed(document, facts, done),
                    *_rows(document, facts, done), *_headings(document, facts, done)):  # fmt: skip
        if (finding.place, finding.said) not in told:
            told.add((finding.place, finding.said))
            yield finding


class _Done:
    """What was really done, by the words of it."""

    def __init__(self, facts: Facts) -> None:
        self.text = plain(facts.text)
        self.tight = re.sub(r"[^a-z0-9]", "", self.text)
        names = [each.dataset for each in facts.measured]
        names += [name for run in facts.runs.values() for name in (run.name, *run.labels)]
        names += [name for each in facts.metrics.values() for name in (each.name, *each.names)]
        self.names = {plain(name) for name in names}
        self.tight_names = {re.sub(r"[^a-z0-9]", "", name) for name in self.names}
        self.runs = [
            stems(f"{run.name} {' '.join(run.labels)} {run.about}") for run in facts.runs.values()
        ]

    def lacks(self, what: str) -> bool:
        """Whether some run may be the one without something.

        It is if its name or what is known of it has most of the words, or if it is the baseline of
        the run that has them.
        """
        words = stems(what)
        if not words:
            return True
        return any(len(words & own) >= 0.6 * len(words) for own in self.runs)

    def has(self, name: str) -> bool:
        """Whether a name occurs in what was done."""
        tight = re.sub(r"[^a-z0-9]", "", plain(name))
        if not tight:
            return True
        return (
            any(tight in each or (len(each) > 3 and each in tight) for each in self.tight_names)
            or (f" {plain(name)} " in f" {self.text} ")
            or (len(tight) > 4 and tight in self.tight)
        )


def _numbered(document: Document, facts: Facts) -> Iterator[Finding]:
    """Runs by a number that none has."""
    numbers = {
        int(found[1]) for name in facts.runs
        if (found := re.search(r"run[_ ]?(\d+)(?: \(|$)", name))
    }  # fmt: skip
    if not numbers:
        return
    spoken = {int(each) for each in re.findall(r"\brun[_ ](\d+)\b", facts.text, re.I)}
    for place, text in _own_words(document):
        for found in RUNS.finditer(text):
            if COUNTED.match(text, found.end()):
                continue
            named = [int(found[1]), *map(int, re.findall(r"\d+", found[2]))]
            is_name = found.group()[0] == "R" or "_" in found.group()
            for number in named:
                if number in numbers or number > 999 or (len(named) > 1 and not is_name):
                    continue
                there = _listed(numbers)
                yield Finding(
                    "missing run", "unsupported",
                    "possible" if number in spoken else "sure" if is_name else "likely",
                    place, around(text, *found.span()), f"There is no run {number}: {there}.",
                )  # fmt: skip


def _own_words(document: Document) -> Iterator[tuple[str, str]]:
    """Texts of the paper's own, without headings of sections on others."""
    for block in document.blocks:
        if block.kind == "table":
            for row in block.rows:
                for cell in row:
                    yield block.place, cell.text
        elif block.kind in PROSE:
            yield block.place, block.text


def _claimed(document: Document, facts: Facts, done: _Done) -> Iterator[Finding]:
    for block, sentence in claims(document):
        if block.kind in ("title", "heading") or _only_asks(sentence):
            continue
        if not is_own(block, sentence, facts):
            continue
        yield from _ablation(block, sentence, facts, done)
        yield from _study(block, sentence, done)
        yield from _data(block, sentence, facts, done)


def _only_asks(sentence: str) -> bool:
    """Whether a sentence is of what is planned, wished or denied; `no X` of an ablation is not."""
    left = re.sub(rf"\b(?:no|not|never)\s+(?={WHAT}\))", "", sentence, flags=re.I)
    left = re.sub(r"\(\s*no\s[^)]*\)|\bif\b|\bno (?:change|effect|gain|difference)\b", "", left,
                  flags=re.I)  # fmt: skip
    return bool(NOT_CLAIMED.search(left))


def _ablation(block: Block, sentence: str, facts: Facts, done: _Done) -> Iterator[Finding]:
    """Something taken away that no run lacks."""
    is_ablation = bool(ABLATION.search(sentence))
    result = not SETUP.search(block.section) and bool(
        OUTCOME.search(sentence)
        and (metrics(sentence, facts) or re.search(r"\bperformance\b", sentence, re.I))
    )
    found = (
        ABLATION_OF.search(sentence) or ABLATED.search(sentence) or TAKEN_AWAY.search(sentence)
        or ABLATES.search(sentence)
        or (LACKING.search(sentence) if is_ablation or result else None)
    )  # fmt: skip
    if found is None:
        changed = [run for run in facts.runs.values() if not run.is_baseline]
        if is_ablation and result and len(changed) < 2 and not mentions(sentence, facts):
            yield from _once(
                block, sentence, "No run is known to be an ablation.", done, ("ablat",)
            )
        return
    what = found["what"]
    if not (is_ablation or result) or done.lacks(what):
        return
    if NO_PART.match(what) or metrics(what, facts) or mentions(what, facts):
        return  # a whole clause, and no component: `without doubt the accuracy`
    yield Finding(
        "missing run", "unsupported", "likely", block.place, shortened(sentence),
        f"No run is known that lacks “{shortened(what, 60)}”.",
    )  # fmt: skip


def _study(block: Block, sentence: str, done: _Done) -> Iterator[Finding]:
    for pattern, signs, what in STUDIES:
        if pattern.search(sentence) and DID.search(sentence):
            yield from _once(block, sentence, f"Nothing on record tells of {what}.", done, signs)


def _once(
    block: Block, sentence: str, found: str, done: _Done, signs: tuple[str, ...]
) -> Iterator[Finding]:
    if not any(plain(sign) in done.text for sign in signs):
        yield Finding(
            "missing run", "unsupported", "likely", block.place, shortened(sentence), found
        )


def _data(block: Block, sentence: str, facts: Facts, done: _Done) -> Iterator[Finding]:
    """Data sets and baselines that no run has."""
    for found in ON.finditer(sentence):
        what = found["what"].strip(".-")
        head = plain(what).split(" ")[0]
        if head in NO_DATA or done.has(what) or metrics(what, facts) or mentions(what, facts):
            continue
        after = sentence[found.end() :]
        famous = bool(FAMOUS.match(what))
        proper = famous or bool(re.search(r"[A-Z]\w*[A-Za-z]{2}|[a-zA-Z]_[a-zA-Z]", what))
        if MACHINE.match(what) or (not famous and LIKE.match(after)):
            continue
        if not proper and not ALSO_ON.search(sentence[: found.start("what")]):
            continue
        if not proper and not re.match(r"\s*(?:[.,;)]|$)", after):
            continue
        yield Finding(
            "missing run", "unsupported", "likely", block.place, shortened(sentence),
            f"No result is of {what}; there are results of {_data_sets(facts)}.",
        )  # fmt: skip
    for found in VERSUS.finditer(sentence):
        what = found["what"]
        head = plain(what).split(" ")[0]
        if head in NO_DATA or done.has(what) or metrics(what, facts) or mentions(what, facts):
            continue
        if re.search(r"\[\d+\]|\bet al\b|\(\d{4}\)", sentence[found.end() : found.end() + 30]):
            continue  # a comparison with what others have reported, as it says
        yield Finding(
            "missing run", "unsupported", "possible", block.place, shortened(sentence),
            f"No run is known to be {what}.",
        )  # fmt: skip


def _rows(document: Document, facts: Facts, done: _Done) -> Iterator[Finding]:
    """Rows and columns of tables that are named for something that no run lacks."""
    for block in document.blocks:
        if block.kind != "table" or OTHERS.search(block.section):
            continue
        heads = [row[0].text for row in block.rows if row]
        heads += [cell.text for row in block.rows[: block.header_rows] for cell in row[1:]]
        for head in heads:
            found = ROW.search(head)
            if found and not done.lacks(found["what"]):
                yield Finding(
                    "missing run", "unsupported", "likely", block.place, shortened(head),
                    f"No run is known that lacks “{shortened(found['what'], 60)}”.",
                )  # fmt: skip


def _headings(document: Document, facts: Facts, done: _Done) -> Iterator[Finding]:
    """A section on ablations where no run is one."""
    changed = [run for run in facts.runs.values() if not run.is_baseline]
    for block in document.blocks:
        if block.kind != "heading" or not ABLATION.search(block.text):
            continue
        of = ABLATION_SECTION.search(block.text)
        if of and not done.lacks(of["what"]):
            why = f"No run is known that lacks “{shortened(of['what'], 60)}”."
        elif facts.runs and len(changed) < 2 and "ablat" not in done.text:
            why = "There is one run beside the baseline, and it is no ablation."
        else:
            continue
        yield Finding("missing run", "unsupported", "likely", block.place, block.text, why)


def _data_sets(facts: Facts) -> str:
    names = sorted({each.dataset for each in facts.measured if each.dataset})
    return ", ".join(names[:5]) or "no data set by name"


def _listed(numbers: set[int]) -> str:
    return f"there are {', '.join(f'run {each}' for each in sorted(numbers)[:8])}"
