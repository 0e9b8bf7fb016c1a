"""Whether an idea says what another one says already: the likeness of their texts.

Ideas are compared as bags of words, weighted by TF-IDF (with the logarithm of counts, and without
English stop words), by the cosine of the angle between them. The weights come from all ideas but
the one in question; words that none of them has are left out, for an author who tells an idea
anew brings words of his own.

The threshold rests on the 72 shipped ideas, none of which repeats another, and on 24 paraphrases of
them, written before anything was measured (`tests/ideas/paraphrases.json`). Compared with all
others, a shipped idea is at most 0.353 like its nearest (`ageing_pays` and
`synapses_with_a_lifetime`). Of the paraphrases, all 16 with light or medium changes lie between
0.50 and 0.92; of the 8 that tell the idea anew in other words, 3 lie above 0.40, and 5 between 0.29
and 0.33, among ideas that are different. So 0.38, in the gap, lets every shipped idea pass (0 of 72
called a duplicate, 95 % interval 0 to 5 %) and finds 19 of 24 paraphrases (79 %, 60 to 91 %): it
finds what is reworded, and hardly what is thought anew. Chosen in the same way, but without the
file of ideas in question, the threshold would have rejected 1 of the 72.

`benchmarks/novelty.py` prints these numbers, and those of other representations: n-grams of letters
and of two words are no better, nor are counts without the logarithm; latent semantic analysis
separates as well, but its likeness depends on how many ideas there are, so that no threshold holds
for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bonsai.templates import Idea

THRESHOLD = 0.38  # from here on an idea counts as a near-duplicate


def text_of(idea: Idea) -> str:
    """What is compared of an idea: its name, title and experiment."""
    return f"{idea.Name.replace('_', ' ')}. {idea.Title}\n{idea.Experiment}"


def make_vectoriser() -> Any:
    """Words to TF-IDF weights, each text of length one."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # here: it takes long to load

    return TfidfVectorizer(sublinear_tf=True, stop_words="english")


def nearest(
    idea: Idea, known: Sequence[Idea], background: Sequence[Idea] = ()
) -> tuple[Idea, float] | None:
    """The idea that is most like another.

    Args:
        idea: the other.
        known: those to choose from.
        background: more ideas, from which only the weights of words are learned.

    Returns:
        The most similar one and its similarity, from 0 (no word in common) to 1 (the same words);
        None where none is known.
    """
    if not known:
        return None
    texts = [text_of(other) for other in known]
    vectoriser = make_vectoriser()
    vectoriser.fit(sorted({*texts, *(text_of(other) for other in background)}))
    alike = (vectoriser.transform([text_of(idea)]) @ vectoriser.transform(texts).T).toarray()[0]
    best = int(alike.argmax())
    return known[best], float(alike[best])
