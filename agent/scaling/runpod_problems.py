"""What RunPod means by an answer that is no success (RFC 9457 problem bodies).

Two of its meanings are only in the text. Both were seen in answers of the live service in
September 2026: no stock is ``400`` "There are no longer any instances available with the requested
specifications", no money ``402`` "Your account balance is too low to rent a pod".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.errors import (
    Conflict,
    KeyRefused,
    NoStock,
    OutOfMoney,
    ProviderAway,
    ProviderError,
    RateLimited,
    RequestRefused,
)
from agent.scaling.rest import Answer

_NO_STOCK = re.compile(
    r"no (longer )?(any )?(instances?|machines?|gpus?|capacity)|out of stock"
    r"|not enough (free )?(gpus?|capacity|stock)|insufficient (capacity|resources)",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"balance|spend(ing)? limit|insufficient (funds|credit)", re.IGNORECASE)
_WINDOW = re.compile(r'"\w+";r=(\d+);t=(\d+)')
_WAIT_S = 60.0  # without a word how long: the shortest window of its limits is a minute
_LONGEST_WAIT_S = 86_400.0
_LONGEST_QUOTE = 200


def problem(answer: Answer, secrets: Iterable[str] = ()) -> ProviderError:
    """Name what an answer of 300 or more means, in one sentence for an operator.

    Args:
        answer: status, headers and body.
        secrets: values that must not be repeated, should RunPod quote our request.
    """
    said = _said(answer.body, secrets)
    match answer.status:
        case 401:
            return KeyRefused("RunPod does not know this key: check RUNPOD_API_KEY.")
        case 403:
            return KeyRefused(
                "The key in RUNPOD_API_KEY may not do this: give it access to pods in the console."
            )
        case 402:
            return _no_money()
        case 409:
            return Conflict("RunPod says that the pod is in a state that forbids this.")
        case 429:
            wait_s = retry_after(answer)
            return RateLimited(f"RunPod was asked too often: wait {wait_s:.0f} s.", wait_s)
        case status if status >= 500 or status < 400:
            return ProviderAway(f"RunPod has trouble of its own (status {status}).", sent=True)
        case status:
            if _NO_STOCK.search(said):
                return NoStock("RunPod has no machine of this type now.")
            if _NO_MONEY.search(said):
                return _no_money()
            return RequestRefused(f"RunPod refused the request ({status}): {said or 'no reason'}.")


def retry_after(answer: Answer) -> float:
    """How many seconds a rate limit wants us to wait, from whichever header says it."""
    given = answer.headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,9}", given):
        return min(_LONGEST_WAIT_S, max(1.0, float(given)))
    windows = _WINDOW.findall(answer.headers.get("ratelimit", ""))
    used_up = [float(seconds) for left, seconds in windows if int(left) == 0]
    return min(_LONGEST_WAIT_S, max([1.0, *used_up])) if used_up else _WAIT_S


def _no_money() -> OutOfMoney:
    return OutOfMoney(
        "The RunPod account has no money for this machine, or has reached its spending limit: "
        "add credit in the console."
    )


def _said(body: object, secrets: Iterable[str]) -> str:
    """Detail and first error of a problem body, on one line, without any of ``secrets``."""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else ""
    text = " ".join(part for part in (body.get("detail"), first) if isinstance(part, str))
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(text.split())[:_LONGEST_QUOTE].rstrip(". ")
