"""A local Stripe: a ledger of its own, told day by day, served over HTTP by a real process.

Nothing here knows the loader that reads it: what the two share is Stripe's API alone.
"""
