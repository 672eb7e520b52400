"""TOML files a person may write: read, checked, and refused in one sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agent.errors import UnreadableInput

Form = TypeVar("Form", bound=BaseModel)


def load_toml(
    path: Path,
    form: type[Form],
    *,
    exact: bool = False,
    complete: Callable[[dict[str, Any]], None] | None = None,
) -> Form:
    """Read a file in a form.

    Args:
        path: TOML in UTF-8.
        form: what it must hold.
        exact: numbers with a point are taken as decimals, as money is.
        complete: may add to what was read before it is checked.

    Raises:
        UnreadableInput: it is not such a file; the message names the first thing that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text, parse_float=Decimal if exact else float)
        if complete is not None:
            complete(raw)
        return form.model_validate(raw)
    except OSError as exc:
        raise UnreadableInput(f"{path} cannot be read: {exc.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise UnreadableInput(f"{path} is not valid TOML in UTF-8.") from None
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise UnreadableInput(f"{path}, {where}: {first['msg']}.") from None
