"""The banks of some of the sandbox's accounts: their statements, and what is true of each line."""
