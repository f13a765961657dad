"""A share as a job of procrastinate, and when a job that was given back may be taken again."""

import asyncio

import msgspec
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from domain.share import Left, Refused, Share

SHARES = "shares"
HANDED_ON = "handed on"
"""Where shares wait that no process has any more: the one that takes such a share resumes its run."""


class NotDone(Exception):
    """A share is given back."""

    def __init__(self, outcome: Left | Refused) -> None:
        super().__init__()
        self.outcome = outcome


class GivenBack(BaseRetryStrategy):
    """When a share may be taken again, and after which others."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Give it back whatever happened: only a share of which nothing is left is done."""
        match exception:
            case NotDone(outcome=Left(completed, stopping)):
                return RetryDecision(priority=-completed, queue=HANDED_ON if stopping else SHARES)
            case NotDone(outcome=Refused()):
                return RetryDecision(retry_in={"seconds": 0})
            case asyncio.CancelledError():
                return RetryDecision(queue=HANDED_ON)
            case _:
                return RetryDecision(retry_in={"seconds": 1})


def job_of(share: Share) -> Job:
    """Give the job that is to work on a share."""
    arguments = {"share": msgspec.to_builtins(share)}
    return Job(queue=SHARES, lock=share.name, queueing_lock=None, task_name="work", task_kwargs=arguments)


def share_of(job: Job) -> Share:
    """Give the share that a job is to work on."""
    return msgspec.convert(job.task_kwargs["share"], Share)
