"""The whole job: the Stripe that is read, and the steps that are run in their order."""

from __future__ import annotations

from loader.job.run import FAILED, RUN_ERRORS, WRONG_SETTINGS, Job, JobOptions

__all__ = ["FAILED", "RUN_ERRORS", "WRONG_SETTINGS", "Job", "JobOptions"]
