"""The phrases by which papers say what a number is of, and which way it goes."""

from __future__ import annotations

import re


def phrase(pattern: str) -> re.Pattern[str]:
    """A pattern in which blanks stand for any space, and case does not matter."""
    return re.compile(" ".join(pattern.split()).replace(" ", ""), re.IGNORECASE)


CLAUSE = phrase(
    r"""[;:]|,\s+(?=(?:and|but|while|whereas|although|though|which|with)\b)|\.\s
    |\b(?:while|whereas|but|although|though)\b"""
)
"""What parts of a sentence are apart by."""

# After a number a noun follows where it counts something; these words are none.
FOLLOW = frozenset(
    word
    for line in (
        "a an and as at after against above absolute accuracy across all also although because",
        "before below better between but by compared down during each even every except faster",
        "fewer for from further greater has have higher if in instead into is it its larger less",
        "lower mean more nats not of off on only or our over overall per points relative",
        "respectively shorter since slower smaller so than that the then there this to under until",
        "up using versus via vs was well were when where whereas which while with within without",
        "worse yet interval standard bits dB",
    )
    for word in line.split()
)
ABOUT = r"(?:about|only|roughly|approximately|nearly|almost|around|some|just|circa)"
SETTING = phrase(
    r"""\b(?:rates?|sizes?|widths?|depths?|lengths?|dimensions?|dims?|batch(?:es)?|momentum|decay
    |dropout|temperatures?|alpha|beta|gamma|lambda|epsilon|eps|sigma|tau|seeds?|steps?|epochs?
    |layers?|heads?|thresholds?|probability|coefficients?|hidden|embeddings?|budget|levels?
    |confidence|tolerance|kernels?|strides?|patience|warm-?up|horizon|capacity|neighbou?rs?
    |iterations?|degree|order|power|margin|bins?|cores?|threads?|workers?|[kKnNmMbBdDhTrLpC]
    |[αβγδελμστηθ]|\w+_\w+)
    \s*(?:=|≈|~|:|\bof\b|\bto\b|\bis\b|\bat\b|\bwas\b|\bset\s+to\b|\bfixed\s+at\b)?
    \s*(?:the\s+|a\s+|an\s+)?[(\[]?$"""
)
"""What stands before a number that was chosen, and not measured."""
LEVEL = phrase(
    r"""^\s*(?:%|percent)?\s*(?:-\s*)?
    (?:confidence|interval|CI\b|level|credible|Student|Welch|bootstrap)"""
)
P_VALUE = phrase(
    r"""\bp(?:-?\s?values?)?\s*(?:\([^)]*\)\s*)?(?:of|is|was|=|<|>|≤|≥|at|below|under)?
    \s*(?:only\s+)?$|\balpha\s*(?:=|of)?\s*$|\bsignificance(?:\s+level)?(?:\s+of)?\s*$"""
)
BY = phrase(
    rf"""\b(?:by|gains?(?:\s+of)?|losses?\s+of|drops?\s+of|improvements?\s+of|reductions?\s+of
    |increases?\s+of|decreases?\s+of|rises?\s+of|differences?\s+(?:of|is|was)|gap\s+of|margin\s+of
    |change\s+of|advantage\s+of|benefit\s+of|lead\s+of|cost\s+of|penalty\s+of|gain\s+is|boost\s+of)
    (?:\s+(?:{ABOUT}|over|under|up\s+to|more\s+than|a|an|at\s+most|at\s+least|between))*
    \s*[(~≈]?\s*$"""
)
"""What stands before a difference."""
AFTER_DIFFERENCE = phrase(
    r"""^\s*(?:relative|absolute|lower|higher|better|worse|faster|slower|more|less|fewer|larger
    |smaller|longer|shorter|(?:in\s+)?(?:improvement|reduction|increase|decrease|gain|drop|speed-?up
    |slow-?down|change|loss|gap|difference)|(?:above|below|over|behind|ahead)\b)"""
)
INTERVAL = phrase(r"\b(?:interval|CI|confidence)\b")
ROUGHLY = phrase(
    rf"""(?:\b(?:{ABOUT}|approx\.?|close\s+to|over|more\s+than|less\s+than|up\s+to|below|above|under
    |just\s+(?:over|under)|at\s+(?:most|least)|order\s+of)\s*|[~≈<>≤≥]\s*)$"""
)
FROM = phrase(rf"\bfrom\s+(?:{ABOUT}\s+)?$")
TO = phrase(rf"^\s*(?:\([^)]*\)\s*)?(?:to|down\s+to|up\s+to|→)\s*(?:{ABOUT}\s+)?$")
FOR_RUN = phrase(
    r"""\s+(?:for|of|in|with|by|at|on)\s+(?:[\w%'’-]+\s+){1,5}?(?=to\b|down\b|up\b)|\s*\([^)]*\)"""
)
AGAINST = phrase(
    r"""\b(?:compared\s+(?:to|with)|versus|vs\.?|against|than|over|relative\s+to|instead\s+of
    |as\s+opposed\s+to|up\s+from|down\s+from|in\s+contrast\s+to)(?:\s+\w+){0,3}\s*[(~≈]?\s*$"""
)
OF_RUN = phrase(
    r"""^[\s(,]*(?:(?:for|by|with|of|in|under|using|from|at|on)\s+)?
    (?:the\s+|its\s+|our\s+|a\s+)?$"""
)
"""What stands between a number and the run after it that it is of."""
VERB = phrase(
    r"""\s*(?:reach|attain|achiev|ha[sd]\b|have\b|is\b|was\b|gives?\b|yield|obtain|gets?\b|scor
    |stays?\b)"""
)
OWNS = phrase(
    r"""^\s*(?:\(|['’]s\b|of\b|at\b|with\b|ha[sd]\b|is\b|was\b|reach|attain|obtain|yield|scor
    |,\s*which)"""
)
WITH = phrase(r"\b(?:with|for|under|using|by|in)\s+(?:the\s+|our\s+|a\s+)?$")
IT_GOES_ON = phrase(
    r"\s*(?:the|this|that|its)\s+(?:mean\s+)?(?:difference|gain|gap|change|loss\s+of)\b"
)
"""What goes on about the runs of the sentence before."""
FRESH = phrase(r"(?P<fresh>\bfresh\s+seeds?\b)|\bseeds\s+that\s+(?:it|the\s+agent)\b")
"""Which seeds a text speaks of."""
IT_IS = phrase(r"(?:\s+\w+){0,2},?\s*(?:it|this)\s+\w+")
FOR_OTHER = phrase(
    r"""\s*(?:%|percent|points)?\s*(?:for|by)\s+
    (?!the\s+(?:test|validation|training|whole|full|same|best)\b|all\b|each\b|every\b|both\b
    |example\b|instance\b|any\b|this\b|that\b|it\b|its\b|seeds?\b|\d)
    (?:the\s+|our\s+|a\s+)?[a-z][\w-]+"""
)
"""Something after a number that it is of, and that is no run that is known."""
PAIR = phrase(
    r"""\s*[(,]?\s*(?:versus|vs\.?|against|instead\s+of|rather\s+than|compared\s+(?:to|with)
    |as\s+opposed\s+to|over)\s*[(~≈]?\s*"""
)
PRONOUN = phrase(r"\b(?:it|its|this|they|their|ours?|we)\b")
STARTS_WITH_PRONOUN = phrase(r"\s*(?:it|its|this|they|their|the\s+former)\b")
REFERENCE = phrase(
    r"""(?:\b(?:compared\s+(?:to|with)|versus|vs\.?|against|than|over|relative\s+to
    |with\s+respect\s+to|improv\w+\s+(?:on|upon|over)|outperform\w*|beats?|beating|surpass\w*
    |exceed\w*|underperform\w*|(?:falls?|fell)\s+(?:behind|short\s+of)|trails?|lags?\s+behind
    |not\s+reach|below|above|behind|ahead\s+of|instead\s+of|rather\s+than|to\s+match|matches
    |matching|loses?\s+to|as\s+good\s+as|as\s+opposed\s+to|unlike|contrast\s+to|differs?\s+from
    |difference\s+(?:to|from|with)|change\s+(?:to|from|over))
    \s+(?:(?:the|our|a|an|its|that|those|of|for|with|by|in|on|\w+\s+of)\s+){0,4})$"""
)
"""What stands before a run that others are compared with."""

RESULTS = phrase(
    r"""\b(?:results?|experiments?|evaluation|conclusions?|discussion|analysis|findings|ablations?
    |abstract|comparison|performance|outcomes?)\b"""
)
SETUP = phrase(
    r"""\b(?:set-?up|methods?|methodology|implementation|details|training|protocol
    |hyper-?parameters?|reproduc\w+|cost|appendix)\b"""
)
STATES = phrase(
    r"""\b(?:achiev\w*|reach\w*|obtain\w*|attain\w*|yield\w*|scor(?:e[sd]?|ing)|improv\w*|reduc\w*
    |increas\w*|decreas\w*|drop\w*|rises?|rose|falls?|fell|gains?|gained|lowers?|lowered|raises?
    |raised|outperform\w*|beats?|surpass\w*|compared|from|has|had|have|is|was|are|were|stays?
    |remains?|takes?|took|needs?|costs?|averag\w*|give[sn]?|gave|show\w*|report\w*|measur\w*|mean
    |against|versus|with)\b"""
)
UP = phrase(
    r"""\b(?:increas\w*|rais(?:e[sd]?|ing)|rises?|rose|risen|grows?|grew|climb\w*|higher|larger
    |longer|slower|more|above|greater|up)\b"""
)
DOWN = phrase(
    r"""\b(?:decreas\w*|reduc\w*|lower\w*|drop\w*|falls?|fell|fallen|declin\w*|smaller|shorter
    |faster|less|fewer|below|cuts?|shr[iau]nk\w*|down)\b"""
)
GOOD = phrase(
    r"""\b(?:improv\w*|better|gain(?:s|ed)?|outperform\w*|beats?|surpass\w*|benefit\w*|speed-?ups?
    |advantage)\b"""
)
BAD = phrase(
    r"""\b(?:worse\w*|degrad\w*|hurts?|harms?|loss\s+of|loses?|lost|costs?|trails?|lags?
    |deteriorat\w*|slow-?downs?|penalty)\b"""
)
SPREAD = phrase(r"\b(?:deviations?|errors?|spreads?|std|varies|variance|vary)\b|±")
SEEDS = phrase(r"\bseeds?\b|\bbest\b|\bworst\b|\brang\w+\b|\bsingle\b|\bmax\w*|\bmin\w*")
DENIED = phrase(r"\b(?:not|no|without|rather\s+than|instead\s+of)\b")
CLAIMED = phrase(
    r"""\bclaim(?:s|ed)?\b|\bhypothes[ie]s\b|\b(?:supported|refuted|undecided)\b
    |\bno\s+result\b"""
)
"""What says that a sentence repeats a claim, and does not make it."""
PLANNED = phrase(
    r"""\s*(?:vary|extend|set|keep|hold|take|try|choose|add|replace|repeat|remove|apply|let)
    \s+(?!of\b)"""
)
"""How a sentence begins that says what is to be done."""
