"""A paper of what was measured: every number in it is a reference to a value of the ledger."""
