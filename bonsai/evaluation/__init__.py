"""From a run to a verdict: scores computed anew, checks, claims, and statistics.

`run_experiment` measures; `claims` says what is to be judged, `verdict` judges it, `checks` says
what else was looked at, `selection` how much of the best is luck.
"""

from bonsai.evaluation import checks, claims, pictures, primary, selection, verdict
from bonsai.evaluation.checks import Check
from bonsai.evaluation.claims import BASELINE_RUN, primary_claim
from bonsai.evaluation.establishing import established
from bonsai.evaluation.programs import TOOK, ways_out
from bonsai.evaluation.programs import score as self_reported_scores
from bonsai.evaluation.reported import Reading
from bonsai.evaluation.reported import read as read_reported
from bonsai.evaluation.runs import (
    ERROR_CHARACTERS,
    STOPPED_EARLY,
    TOO_SLOW,
    GivesUp,
    Machine,
    Measured,
    RunFailed,
    judged_on,
    lay_smoke_data,
    run_experiment,
    run_fresh_seeds,
    this_machine,
)
from bonsai.evaluation.scores import Scores, joined, score_run
from bonsai.evaluation.scoring import SCORING
from bonsai.evaluation.untouched import data_states
from bonsai.evaluation.verdict import Comparison, Verdict, Word

__all__ = [
    "BASELINE_RUN",
    "ERROR_CHARACTERS",
    "SCORING",
    "STOPPED_EARLY",
    "TOOK",
    "TOO_SLOW",
    "Check",
    "Comparison",
    "GivesUp",
    "Machine",
    "Measured",
    "Reading",
    "RunFailed",
    "Scores",
    "Verdict",
    "Word",
    "checks",
    "claims",
    "data_states",
    "established",
    "joined",
    "judged_on",
    "lay_smoke_data",
    "pictures",
    "primary",
    "primary_claim",
    "read_reported",
    "run_experiment",
    "run_fresh_seeds",
    "score_run",
    "selection",
    "self_reported_scores",
    "this_machine",
    "verdict",
    "ways_out",
]
