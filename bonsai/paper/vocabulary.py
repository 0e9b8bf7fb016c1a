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
    "percent percentage percentages pct percentile couple myriad nil nought naught"
)
_NUMBER = "|".join(sorted(f"{_UNITS} {_ORDINALS}".split(), key=len, reverse=True))
NUMBER_WORD = re.compile(
    rf"^(?!seconds$)(?:(?:{_NUMBER})(?:and)?)+(?:s|es|ly|some|th|ths|way)?$"
    rf"|^(?:{_PARTS.replace(' ', '|')})$|^(?!(?:un|mani|scaf|blind|ble)fold)\w*folds?$"
)
"""A number in words, one word of it; `per cent` is looked for by itself."""
ROMAN = re.compile(
    r"^(?!(?:mix|mm|cm|ml|di)$)(?=[ivxlcdm]{2,}$)m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})"
    r"(?:ix|iv|v?i{0,3})$"
)

NEVER = re.compile(
    r"\bstate[\s-]+of[\s-]+the[\s-]+art\b|\bsota\b|\bnovel\w*|\bground-?breaking\b|\bbreakthrough"
    r"|\bunprecedented|\bcutting[\s-]+edge\b|\bbest[\s-]+known\b|\brecord[\s-]+(?:breaking|setting)\b"
    r"|\bnew record\b|\brevolution|\bparadigm|\bhuman[\s-]+level\b|\bsuper-?human\b"
    r"|\bbest of our knowledge\b|\b(?:best|highest|lowest|fastest|slowest|strongest|weakest"
    r"|greatest|largest|smallest|fewest|worst|optimal\w*|top(?:most)?|unrivall?ed|unmatched|unbeaten)\b"
    r"|(?<!\bat )\b(?:most|least)\s+(?!of\b)[a-z]+",
    re.IGNORECASE,
)
"""What no verdict carries: it would need a comparison with what was not run here."""
SAME = re.compile(
    r"\bon\s+(?:a\s+)?par\b|\bcomparabl\w*|\bequivalen\w*|\bidentical\w*|\bindistinguishab\w*"
    r"|\bno\s+(?:\w+\s+)?(?:difference|effect|change|influence|impact)\b|\bmatch(?:es|ed|ing)?\b"
    r"|\bunaffected\b|\bunchanged\b|\bas\s+(?:good|well|accurate|fast|strong|high|low|precise)\s+as\b"
    r"|\bjust\s+as\b|\bsimilar(?:ly)?\s+(?:to|well|good|accura|perform|scor|result|high|low)\w*",
    re.IGNORECASE,
)
"""No verdict says that two things are the same."""
TRICKS = re.compile(
    r"\bnot\s+(?:only|just|merely|simply|un\w+|in\w+)\b|\b(?:no|without|beyond)\s+(?:a\s+|any\s+)?doubt"
    r"|\bnothing\s+(?:but|less|short)\b|\bno\s+less\b|(?:\b(?:not|never|cannot|hardly)|n['’]t)"
    r"\s+(?:\w+\s+)?(?:fail|deny|den(?:y|ied)|doubt)\w*",
    re.IGNORECASE,
)
"""What looks like a denial, and affirms."""

CERTAIN = re.compile(
    r"\b(?:(?:in|non)?-?significan\w*|prov(?:e|es|ed|en|ing|ably)\b|proofs?\b|confirm\w*|demonstrat\w*"
    r"|establish\w*|validat(?:e|es|ed|ing)\b|guarantee\w*|conclusive\w*|undoubted\w*|undeniab\w*"
    r"|unequivocal\w*|unambiguous\w*|definite\w*|definitive\w*|certain(?:ly|ty)\b|surely\b|always\b"
    r"|invariabl\w*|robust\w*|consisten(?:t|tly|cy)\b|reliab\w*|verif(?:y|ies|ied|ying)\b|doubtless\b"
    r"|(?:holds?|held)\s+(?:true|up|in\s+(?:all|every))\b|chance\b|coinciden\w*|meaningful\w*"
    r"|agree(?:s|d|ment)?\b|unanimous\w*)",
    re.IGNORECASE,
)
BETTER = re.compile(
    r"\b(?:out-?perform\w*|out-?strip\w*|out-?class\w*|out-?do\w*|out-?pac\w*|out-?match\w*|surpass\w*"
    r"|superior\w*|excel\w*|better\b|improv\w*|gain\w*|boost\w*|enhanc\w*|beat(?:s|en|ing)?\b"
    r"|win(?:s|ner|ners|ning)?\b|won\b|faster\b|stronger\b|strong\s+(?:perform|result|evidence)\w*"
    r"|effective\w*|efficacy\b|success\w*|succeed\w*|promising\b|impressive\w*|remarkab\w*"
    r"|substantial\w*|considerabl\w*|notabl\w*|dramatic\w*|striking\w*|markedly\b|clearly\b"
    r"|huge\w*|massive\w*|outstanding\w*|favou?rabl\w*|advantag\w*|benefi\w*|help(?:s|ed|ful)\b"
    r"|(?:work|perform)(?:s|ed)?\s+(?:very\s+|quite\s+)?well\b|cheaper\b|quicker\b|accurate\w*"
    r"|efficien\w*|powerful\w*|mitigat\w*|solv(?:e|es|ed)\b|ahead\b|upper\s+hand\b|edges?\s+out\b"
    r"|pa(?:ys|id)\s+off\b|overtak\w*|overtook\b|eclips\w*|trump(?:s|ed)?\b|dominat\w*"
    r"|positive\s+(?:effect|result|impact|influence)\w*|thriv\w*|flourish\w*|shin(?:es|ed)\b"
    r"|new\s+standard\w*|strength\s+to\s+strength)",
    re.IGNORECASE,
)
WORSE = re.compile(
    r"\b(?:wors(?:e|en|ens|ened|ening)\b|inferior\w*|degrad\w*|deteriorat\w*|harm\w*|hurt\w*|slower\b"
    r"|weaker\b|weaken\w*|under-?perform\w*|fail(?:s|ed|ure|ures|ing)?\b|los(?:es|t|ing)\b|behind\b"
    r"|loss(?:es)?\s+(?:of|in)\b|poor(?:ly|er)?\b|detriment\w*|damag\w*|useless\b|ineffective\w*"
    r"|negative\s+(?:effect|result|impact|influence)\w*|suffer\w*|struggl\w*|br(?:eaks?|oke)\s+down)",
    re.IGNORECASE,
)
RAISED = re.compile(
    r"\b(?:higher\b|greater\b|larger\b|bigger\b|exceed\w*|rais(?:e|es|ed|ing)\b|ris(?:e|es|en|ing)\b"
    r"|rose\b|increas\w*|climb\w*|soar\w*|jump\w*|lift(?:s|ed|ing)?\b|spik(?:e|es|ed)\b|skyrocket\w*|surg(?:e|es|ed|ing)\b|grew\b|upwards?\b|(?:go|goes|went|gone|is|are|was|were)\s+up\b)",
    re.IGNORECASE,
)
LOWERED = re.compile(
    r"\b(?:drop(?:s|ped|ping)?\b|fall(?:s|en|ing)?\b|fell\b|declin\w*|decreas\w*|low(?:er|ers|ered|ering)\b"
    r"|smaller\b|fewer\b|reduc\w*|shr[iau]nk\w*|diminish\w*|plummet\w*|cuts?\b|downwards?\b|(?:go|goes|went|gone|is|are|was|were)\s+down\b"
    r"|dip(?:s|ped)?\b|sank\b|sinks?\b|collaps\w*|vanish\w*|disappear\w*|evaporat\w*|tumbl\w*)",
    re.IGNORECASE,
)
MORE = re.compile(r"\bmore\s+(?!than\b|seeds?\b|runs?\b|is\b|are\b)[a-z]+", re.IGNORECASE)
LESS = re.compile(r"\bless\s+(?!than\b)[a-z]+", re.IGNORECASE)
SENSES = (
    (BETTER, frozenset({"better"})), (WORSE, frozenset({"worse"})),
    (RAISED, frozenset({"higher"})), (LOWERED, frozenset({"lower"})),
    (MORE, frozenset({"better", "higher"})), (LESS, frozenset({"worse", "lower"})),
)  # fmt: skip
"""Words that say which way something went, and what a verdict must say for them to stand."""
RESULTS = (NEVER, SAME, CERTAIN, *(pattern for pattern, _ in SENSES))
"""All words of results."""
NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|without|fails?\s+to|failed\s+to|cannot|hardly|nothing|none|lacks?)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
VERDICT = re.compile(r"\b(?:supported|refuted|undecided)\b", re.IGNORECASE)
CLAUSE = re.compile(
    r"[,;:()]|\s[-–—]\s|\b(?:but|while|whereas|although|though|yet|however|and|because|since)\b",
    re.IGNORECASE,
)
"""Where a clause ends: what is asked before it does not excuse what is said after it."""
FRAMING = re.compile(
    r"\b(?:claim(?:s|ed)?|whether|question|hypothes[ie]s|expect(?:s|ed|ation)?|aim(?:s|ed)?|hope[sd]?"
    r"|intended|supposed|would)\b",
    re.IGNORECASE,
)
"""Words that say that a gain is asked for, not stated: the verdict must follow as a key."""
QUESTION = re.compile(
    r"\b(?:asks?|asked|question|unknown|unclear|open|not\s+(?:known|told|clear))\b.*\bwhether\b"
    r"|\b(?:tells?|(?:study|examine|investigate|explore|test|check))\s+(?:us\s+)?whether\b",
    re.IGNORECASE,
)
"""A question, which states nothing."""
ASKING = re.compile(
    r"we\s+(?:study|examine|investigate|explore|test|check)\s+whether\b", re.IGNORECASE
)
"""What sounds like work, and is a question."""
DONE = re.compile(
    r"\b(?:(?:re)?trained|tested|evaluated|compared|repeated|varied|tuned|swept|explored|investigated"
    r"|measured|assessed|benchmarked|replicated|reproduced|checked|studied|examined|probed|inspected"
    r"|experimented|ran\b|(?:was|were|been|be|have|had|has)\s+run\b|executed|conducted|performed|tried"
    r"|(?:we|authors?)\s+(?:\w+ly\s+|also\s+|then\s+)?(?:train|test|evaluate|compare|repeat|vary|tune"
    r"|sweep|measure|run|study|explore|examine|probe|check|benchmark|replicate|reproduce|investigate"
    r"|removed?|disabled?|replaced?|omit(?:ted)?|swap(?:ped)?|dropped|(?:turn|switch)(?:ed)?\s+off"
    r"|saw|see|observed?|found|find|obtain(?:ed)?|noticed?)\b"
    r"|(?:further|additional|extra|other|more|larger|several|many)\s+(?:experiments?|runs?|trials?|seeds?"
    r"|data\s?sets?|tests?)|experiments?\s+(?:show|suggest|indicate|reveal)\w*)",
    re.IGNORECASE,
)
"""What says that work was done: it must name the run."""
NOT_DONE = re.compile(
    r"\b(?:ablat\w*|annotat(?:or|ors|ed)\b|surveyed|interview\w*|questionnaires?|user\s+stud\w*"
    r"|(?:human|expert)s?\s+(?:eval\w*|stud\w*|subjects?|raters?|judge\w*|participants?)|volunteers?\b"
    r"|participants?\b|cross-?\s?valid\w*|(?:grid|random)\s+search\w*|hyper-?\s?parameter\s+"
    r"(?:search|sweep|tuning|optimi)\w*|sensitivity\s+(?:analys|stud)\w*|leave\s+out\b)",
    re.IGNORECASE,
)
"""Work that is often made up: only what the template or the idea speaks of may be spoken of."""
DATA_SETS = re.compile(
    r"^(?:imagenet|cifar|mnist|coco|svhn|celeba|wikitext|(?:super)?glue|squad|kitti|cityscapes"
    r"|librispeech|openwebtext|lambada|hellaswag|mmlu|gsm|atari|mujoco|omniglot|tinyimagenet|emnist"
    r"|kmnist|caltech|enwik|laion|bert|gpt|resnet|adamw|llama|vgg|alexnet|mobilenet|efficientnet)$"
)
"""Data sets and models that may be written in small letters, and so do not look like names."""
BEFORE = re.compile(
    r"\b(?:minus|negative|plus|point|times|over|above|below|under|beyond|within|outside|inside|nearly"
    r"|almost|than|to\s+the|power\s+of|part\s+of|fraction\s+of|upto|up\s+to|at\s+most|by\s+far)\s*$",
    re.IGNORECASE,
)
"""Words before a value that would make another of it, or a bound."""
AFTER = re.compile(
    r"^\s*(?:times|point|points|per\b|percent\w*|pp\b|bps\b|seconds?|secs?\b|minutes?|mins?\b|hours?"
    r"|days?|weeks?|months?|years?|ms\b|milliseconds?|microseconds?|epochs?|gb\b|mb\b|kb\b"
    r"|gigabytes?|megabytes?|dollars?|cents?\b|euros?|tokens?|nats?\b|bits?\b|dex\b|parameters?"
    r"|orders?\s+of|and\s+a\b|degrees?|standard\s+(?:deviation|error)s?)",
    re.IGNORECASE,
)
"""Units after a value: it comes with its own."""
_COMMON = (
    "a about above accuracy across after again against agents all also although among an and "
    "another any are as asked at baseline baselines because before behind below beside besides "
    "between beyond biological both but by certain changes channels claims classical code common "
    "compared control controls conversely convolutional data deep despite difference differences "
    "different does each earlier early either even every everything existing experiments few "
    "fewer figures finally for fresh from further future given had has have hence here how "
    "however i idea ideas if images in inside instead interval intervals is it its itself judged "
    "known language large late later layers learning like limits machine many measured "
    "measurements method methods metric metrics model models more moreover most much nearly "
    "neither network networks neural neurons nevertheless new no noise none nor not nothing now "
    "nowhere of often old on only open or other others otherwise our ours out outside over "
    "overall parameters part parts perhaps plain previous prior program programs random rather "
    "recent related result results run runs same samples score scores seed seeds several similar "
    "simple since small so some standard statistical still such table tables test tests than that "
    "the their them then there thereby therefore these they this those though through thus to "
    "together too toward towards training under units unless unlike until up upon us using "
    "validation value values variation verdict verdicts very was we weights well were what "
    "whatever when where whereas whether which while who whole whose why with within without work "
    "works yet you"
)
STARTS = frozenset(_COMMON.split())
"""Words that a sentence may begin with, beside those of the template and the idea."""
ENDINGS = re.compile(r"(?:ly|ing|tions?|ness|ments?|ities|ity|ences?|ances?|ed|als?|ives?|ious)$")
"""Endings of words that are no names."""
OF_A_METRIC = re.compile(
    r"\b(?:accurac(?:y|ies)|acc|errors?|loss(?:es)?|scores?|f1|auc|bleu|perplexity|precision|recall|reward"
    r"|returns?|speed-?ups?)\b",
    re.IGNORECASE,
)
STATED = re.compile(
    r"\b(?:improved|improves|out-?perform\w*|surpass(?:es|ed)|exceed(?:s|ed)|beats|demonstrat(?:es|ed)"
    r"|prov(?:es|ed|en)|confirm(?:s|ed)|significant(?:ly)?|consistently|achiev(?:es|ed)|attained"
    r"|(?:was|were|is|are)\s+(?:better|superior|higher|best))\b",
    re.IGNORECASE,
)
"""What states a result in a plan, which knows none yet."""
