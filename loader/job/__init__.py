"""The whole job: the Stripe that is read, and the steps that are run in their order."""

from __future__ import annotations

from loader.job.run import (
    EXCEPTION_OPEN,
    FAILED,
    OK,
    RUN_ERRORS,
    WRONG_SETTINGS,
    Job,
    JobOptions,
    JobProgress,
)

__all__ = [
    "EXCEPTION_OPEN",
    "FAILED",
    "OK",
    "RUN_ERRORS",
    "WRONG_SETTINGS",
    "Job",
    "JobOptions",
    "JobProgress",
]
