"""A model hub: what a checkpoint at a revision holds, and its files, those that came whole kept.

One file after another in the calling thread, because the library's own pool would not let Ctrl-C
through before the file of some gigabytes has come to its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import AgentError, UsageError

_TIMEOUT_S = 20.0
_CHUNK = 1 << 20
_HIDDEN, _FORBIDDEN, _MISSING = 401, 403, 404


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file as the hub describes it."""

    size_bytes: int | None
    sha256: str = ""
    """Of large files only."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A checkpoint at one commit."""

    name: str
    """``owner/name``."""
    revision: str
    """As asked for: a commit, a tag or a branch."""
    commit: str
    files: Mapping[str, HubFile]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Of its card, as the hub itself read it."""

    @property
    def title(self) -> str:
        """How it is called in messages."""
        return f"{self.name}@{self.revision}"


class Hub:
    """A model hub. Uses the access token that the library finds (HF_TOKEN), if any."""

    def __init__(self, endpoint: str | None = None) -> None:
        """Nothing is asked yet.

        Args:
            endpoint: base URL; None = HF_ENDPOINT, else the public hub.
        """
        self._endpoint = endpoint
        # Its warnings repeat at every retry what ends in one sentence of ours.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)

    def look(self, name: str, revision: str) -> Listing:
        """What ``name`` holds at ``revision``.

        Raises:
            UsageError: there is no such checkpoint or revision, or it is not for us.
            AgentError: the hub cannot be reached.
        """
        from huggingface_hub import HfApi

        with _told(name, revision):
            found = HfApi(endpoint=self._endpoint).model_info(
                name, revision=revision, files_metadata=True, timeout=_TIMEOUT_S
            )
        if not found.sha:
            raise AgentError(f"The hub does not say which commit {name}@{revision} is; try again.")
        files = {
            one.rfilename: HubFile(one.size, one.lfs.sha256 if one.lfs else "")
            for one in found.siblings or []
        }
        card: Any = found.card_data
        return Listing(name, revision, found.sha, files, card.to_dict() if card else {})

    def download(self, listing: Listing, names: Iterable[str], folder: Path) -> None:
        """Bring files into ``folder``; those already there whole are left as they are.

        Raises:
            UsageError: it is gone, or not for us.
            AgentError: the connection broke for good, or a file is not what the hub announced.
            OSError: it cannot be written.
        """
        from huggingface_hub import hf_hub_download

        for name in names:
            with _told(listing.name, listing.revision):
                hf_hub_download(
                    listing.name,
                    name,
                    revision=listing.commit,
                    local_dir=folder,
                    endpoint=self._endpoint,
                    etag_timeout=_TIMEOUT_S,
                )
            _check(folder / name, listing.files[name], listing.title)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _check(path: Path, announced: HubFile, title: str) -> None:
    short = announced.size_bytes is not None and path.stat().st_size != announced.size_bytes
    if short or (announced.sha256 and sha256_of(path) != announced.sha256):
        path.unlink()
        raise AgentError(
            f"{path.name} of {title} is not what the hub announced and was thrown away; run the "
            "same command again."
        )


@contextlib.contextmanager
def _told(name: str, revision: str) -> Iterator[None]:
    """Turn the library's errors into one sentence each."""
    import httpx2
    from huggingface_hub import errors

    title = f"{name}@{revision}"
    try:
        yield
    except errors.HFValidationError:
        raise UsageError(f"{name!r} is no id of the hub; it looks like owner/name.") from None
    except errors.GatedRepoError:
        raise UsageError(
            f"{name} asks for its conditions to be accepted: do that on its page, then set "
            "HF_TOKEN to a token of that account."
        ) from None
    except errors.RevisionNotFoundError:
        raise UsageError(
            f"{name} has no revision {revision!r}; take a commit from its list of commits."
        ) from None
    except errors.HfHubHTTPError as exc:
        raise _refused(name, exc.response.status_code) from None
    except errors.OfflineModeIsEnabled:
        raise AgentError(
            f"{title} cannot be fetched while HF_HUB_OFFLINE is set; unset it, or name a folder."
        ) from None
    except (httpx2.HTTPError, errors.EntryNotFoundError, errors.FileMetadataError, TimeoutError):
        raise AgentError(
            f"{title} cannot be fetched: the hub cannot be reached or the connection broke off; "
            "check the network and run the same command again, what came whole is kept."
        ) from None
    except OSError as exc:
        if exc.errno is not None:
            raise  # the disk
        raise AgentError(
            f"A file of {title} did not come whole; run the same command again."
        ) from None


def _refused(name: str, status: int) -> AgentError:
    if status == _MISSING:
        return UsageError(f"There is no {name} on the hub; check the spelling of owner and name.")
    if status in (_HIDDEN, _FORBIDDEN):
        return UsageError(
            f"{name} is private or does not exist; check its name, or set HF_TOKEN to a token "
            "that may read it."
        )
    return AgentError(f"The hub refused {name} (HTTP status {status}); try again later.")
