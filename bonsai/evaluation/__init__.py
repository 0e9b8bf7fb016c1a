"""From a run to a verdict: scores computed anew, checks, claims, and statistics."""
