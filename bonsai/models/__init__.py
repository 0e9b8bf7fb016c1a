"""Language models and the agents that they drive: who is asked, what is paid, what is recorded."""
