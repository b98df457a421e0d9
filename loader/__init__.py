"""Tieout: loads Stripe payouts and balance transactions, and proves that they tie out."""
