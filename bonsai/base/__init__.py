"""What everything stands on: errors for people, files never half written, the ledger."""
