"""A sweep: baselines, the loop over each idea, and the fresh seeds that confirm it."""
