"""Words that prose may use only where the values of a paper carry them."""

from __future__ import annotations

import re

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fourty fifty sixty seventy eighty "
    "ninety hundred thousand million billion trillion dozen"
)
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth "
    "fiftieth sixtieth seventieth eightieth ninetieth hundredth thousandth millionth"
)
_PARTS = (
    "half halves halve halved halving quarter quarters quartered thirds double doubled doubles "
    "doubling twice thrice triple tripled triples tripling treble quadruple quadrupled quintuple "
    "percent percentage percentages pct percentile manifold"
)
_NUMBER = "|".join(sorted(f"{_UNITS} {_ORDINALS}".split(), key=len, reverse=True))
NUMBER_WORD = re.compile(
    rf"^(?!seconds$)(?:(?:{_NUMBER})(?:and)?)+(?:s|es|ly|fold|folds|some|th|ths|way)?$"
    rf"|^(?:{_PARTS.replace(' ', '|')})$|^\w+fold$"
)
"""A number in words, one word of it; `per cent` is looked for by itself."""
ROMAN = re.compile(
    r"^(?=[IVXLCDM]{2,}$)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})$"
)

NEVER = re.compile(
    r"\bstate[\s-]+of[\s-]+the[\s-]+art\b|\bsota\b|\bnovel\b|\bgroundbreaking\b|\bground-breaking\b"
    r"|\bbreakthrough|\bunprecedented\b|\bcutting[\s-]+edge\b|\bbest[\s-]+known\b|\brecord[\s-]+"
    r"(?:breaking|setting)\b|\bnew record\b|\brevolution|\bparadigm\b|\bhuman[\s-]+level\b"
    r"|\bsuper-?human\b|\bto the best of our knowledge\b",
    re.IGNORECASE,
)
"""What no verdict carries: it would need a comparison with what was not run here."""

CERTAIN = re.compile(
    r"\b(?:(?:in|non)?-?significan\w*|prov(?:e|es|ed|en|ing|ably)\b|proofs?\b|confirm\w*|demonstrat\w*"
    r"|establish\w*|validat(?:e|es|ed|ing)\b|guarantee\w*|conclusive\w*|undoubted\w*|undeniab\w*"
    r"|unequivocal\w*|unambiguous\w*|definitive\w*|certain(?:ly|ty)\b|surely\b|always\b|invariabl\w*"
    r"|robust\w*|consisten(?:t|tly|cy)\b|reliab\w*|verif(?:y|ies|ied|ying)\b)",
    re.IGNORECASE,
)
GAIN = re.compile(
    r"\b(?:out-?perform\w*|out-?strip\w*|out-?class\w*|out-?do\w*|out-?pac\w*|surpass\w*|exceed\w*"
    r"|superior\w*|excel\w*|better\b|best\b|improv\w*|gain\w*|boost\w*|enhanc\w*|beat(?:s|en|ing)?\b"
    r"|win(?:s|ner|ners|ning)?\b|won\b|high(?:er|est)\b|great(?:er|est)\b|fast(?:er|est)\b"
    r"|strong(?:er|est|ly)\b|effective\w*|efficacy\b|success\w*|promising\b|impressive\w*"
    r"|remarkab\w*|substantial\w*|considerabl\w*|notabl\w*|dramatic\w*|markedly\b|clearly\b"
    r"|favou?rabl\w*|advantag\w*|benefi\w*|help(?:s|ed|ful)\b|works?\s+well|cheaper\b|quick(?:er|est)\b"
    r"|rais(?:e|es|ed|ing)\b|ris(?:e|es|en|ing)\b|rose\b|increas\w*|climb\w*|soar\w*|jump\w*|lead(?:s|ing)\s+to"
    r"|accurate\w*|top(?:s|ped|most)?\b|optimal\w*|efficien\w*|powerful\w*|mitigat\w*|solv(?:e|es|ed)\b"
    r"|(?:more|less)\s+(?!than\b|seeds?\b|runs?\b)\w+)",
    re.IGNORECASE,
)
LOSS = re.compile(
    r"\b(?:worse\w*|worst\b|inferior\w*|degrad\w*|deteriorat\w*|harm\w*|hurt\w*|drop(?:s|ped|ping)?\b"
    r"|fall(?:s|en|ing)?\b|fell\b|declin\w*|decreas\w*|los(?:e|es|t|s|ses|ing)\b|low(?:er|est|ers|ered)\b"
    r"|slow(?:er|est)\b|weak(?:er|est)\b|small(?:er|est)\b|few(?:er|est)\b|reduc\w*|shr[iau]nk\w*"
    r"|under-?perform\w*|fail(?:s|ed|ure|ures)?\b)",
    re.IGNORECASE,
)
NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|without|fails?|failed|cannot|hardly|nothing|none|lacks?)\b|n['’]t\b",
    re.IGNORECASE,
)
VERDICT = re.compile(r"\b(?:supported|refuted|undecided)\b", re.IGNORECASE)
FRAMING = re.compile(
    r"\b(?:claim(?:s|ed)?|whether|question|hypothes[ie]s|expect(?:s|ed|ation)?|aim(?:s|ed)?|hope[sd]?"
    r"|intended|supposed|would)\b",
    re.IGNORECASE,
)
"""Words that say that a gain is asked for, not stated."""
DONE = re.compile(
    r"\b(?:(?:re)?trained|tested|evaluated|compared|repeated|varied|tuned|swept|explored|investigated"
    r"|measured|assessed|benchmarked|replicated|reproduced|ablat\w*|annotat\w*|surveyed|interviewed"
    r"|user\s+stud\w*|human\s+(?:eval\w*|stud\w*|subjects?|raters?)|cross-?\s?valid\w*|grid\s+search\w*"
    r"|hyper-?\s?parameter\s+(?:search|sweep)\w*|(?:further|additional|extra|other|more)\s+experiments?"
    r"|experimented|ran\b|executed|conducted|performed)",
    re.IGNORECASE,
)
"""What says that work was done: it must name the run."""
DATA_SETS = re.compile(
    r"^(?:imagenet|cifar|mnist|coco|svhn|celeba|wikitext|(?:super)?glue|squad|kitti|cityscapes"
    r"|librispeech|openwebtext|lambada|hellaswag|mmlu|gsm|atari|mujoco|omniglot|tinyimagenet|emnist"
    r"|kmnist|caltech|enwik|laion)$"
)
"""Data sets that may be written in small letters, and so do not look like names."""
