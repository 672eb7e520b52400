"""Settings: the only module that reads the environment.

Built once in an entry point with :func:`load`; every part receives only its own group. Nested
names use a double underscore: ``SPEECH__MODEL=models/demo-ta``. A ``.env`` file in the working
directory is read as well; real environment variables win. ``secrets.example.txt`` lists every
name, and a test compares it with the fields below.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from agent.errors import ConfigurationError

PROJECT_DIR = Path(__file__).resolve().parent.parent
"""Where prompts/ and models/ lie beside the package in a checkout or an image."""

_PRIVATE_ENDINGS = (".local", ".internal", ".svc", ".lan", ".home.arpa")

_TRANSFER_URI = re.compile(r"tel:\+?\d{3,15}|sips?:[^\s@]+@[^\s@]+")

Port = Annotated[int, Field(ge=0, le=65535)]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(gt=0.0)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SpeechSettings(_Group):
    """Sound to words and words to sound."""

    model: Path = PROJECT_DIR / "models" / "demo-ta"
    """Folder of a CTranslate2 Whisper checkpoint. The default is our own demo model, trained on a
    synthetic voice: for demonstration and tests only."""
    language: str = "ta"
    """Locked recognition language; no detection pass is made."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the ears compute."""
    compute_type: str = "default"
    """CTranslate2 compute type, e.g. ``int8`` or ``float16``; ``default`` keeps the file's own on
    a CPU and takes what suits the card on a GPU."""
    device_index: int = Field(default=0, ge=0)
    """Which GPU, as the driver counts; one ears process for each."""
    vram_gb: float = Field(default=0.0, ge=0)
    """GPU memory the ears may take, in 10^9 bytes; 0 = all but 15 %."""
    max_batch: int = Field(default=16, ge=1, le=64)
    """Most utterances decoded at once; fewer when GPU memory is short, at most 8 on a CPU."""
    cpu_threads: int = Field(default=1, ge=1)
    """Threads of the ears on a CPU: of a decoding, and of preparing utterances beside it."""
    bias: str = ""
    """Place names the recogniser is to expect, parted by spaces; about ten. Only for checkpoints
    that were made to take them."""
    blocklist: str = ""
    """TOML file of known inventions of the model; empty = agent/speech/data/blocklist.toml."""
    ears_url: str = ""
    """``unix:///path``, ``tcp://host:port`` or ``tcps://host:port`` of running ears; empty = this
    process starts its own under DATA_DIR."""
    voice_url: str = ""
    """The same for the voice process."""
    token: SecretStr = SecretStr("")
    """Shared secret that a TCP connection to ears or voice must present."""
    tls_cert: str = ""
    """PEM file with the certificate of ears that answer at ``tcps://``."""
    tls_key: str = ""
    """PEM file with its private key."""
    tls_ca: str = ""
    """PEM file a caller of ``tcps://`` trusts; empty = what the system trusts."""
    voice: str = "ta"
    """Name of the voice that speaks to callers (an espeak-ng voice until a neural one is set)."""
    voice_en: str = "en"
    """Name of the voice that speaks English; espeak-ng 1.52 has no Indian one."""
    voice_rate: int = Field(default=165, ge=80, le=400)
    """Words a minute of the embedded voice."""
    recognition_deadline_s: Seconds = 8.0
    """After this long without a transcript the turn counts as not heard."""
    vad_min_silence_s: Seconds = 0.25
    """Silence that ends an utterance."""
    speculate_after_s: Seconds = 0.16
    """Silence after which an utterance is decoded on suspicion (preflight)."""
    vad: Literal["native", "silero"] = "native"
    """Form of the voice activity detector: LiveKit's native library, or the Silero plugin."""
    turn_detector: Literal["answer", "local", "vad"] = "answer"
    """Who says that the caller has finished: ``answer`` (his words answer the question),
    ``local`` (LiveKit's acoustic model, under the LiveKit Model License; it knows no Tamil) or
    ``vad`` (silence alone)."""
    allow_demo_model: bool = False
    """Let ``start`` answer real phone callers with the demo model."""


class CloudSettings(_Group):
    """Services on the internet that take over where this machine fails."""

    allowed: bool = False
    """Let callers' words leave this machine. The notice callers hear must then say so."""
    after_s: Seconds = 2.5
    """How long the ears may take before the cloud recogniser gets the same sound."""


class DeepgramSettings(_Group):
    """The cloud recogniser that is asked when the ears fail; needs CLOUD__ALLOWED."""

    api_key: SecretStr = SecretStr("")
    """Key of the account; empty = there is no second recogniser."""
    model: str = "nova-3"
    """Deepgram's name of the model."""
    url: str = "https://api.deepgram.com/v1/listen"
    """Endpoint for whole recordings, to be changed for a region or an own installation."""


class LlmSettings(_Group):
    """The language model asked where rules are unsure: a server with the OpenAI chat protocol."""

    url: str = ""
    """Base URL of the primary, e.g. ``http://127.0.0.1:8000/v1``; empty = no model is asked. One
    outside your own network needs CLOUD__ALLOWED."""
    model: str = ""
    """Its name of the model."""
    api_key: SecretStr = SecretStr("")
    """Its key; empty where it wants none."""
    second_url: str = ""
    """The same of the server that is asked when the primary fails."""
    second_model: str = ""
    """Its name of the model."""
    second_api_key: SecretStr = SecretStr("")
    """Its key."""
    second_share: Ratio = 0.0
    """Part of the calls that ask the second first, to try it with 0.1, 0.5, 1.0 of the traffic."""
    first_token_s: Seconds = 1.0
    """Longest wait for the first piece of an answer, each server."""
    deadline_s: Seconds = 2.5
    """Longest wait of a turn for all of them together."""

    @model_validator(mode="after")
    def _complete(self) -> LlmSettings:
        """A server without a model's name, or a second without a first, is half a setting."""
        for url, model in ((self.url, self.model), (self.second_url, self.second_model)):
            if bool(url) != bool(model):
                raise ValueError("a URL and the name of its model belong together")
        if self.second_url and not self.url:
            raise ValueError("the second needs a primary")
        return self


class CallSettings(_Group):
    """How a conversation is held."""

    prompts_dir: Path = PROJECT_DIR / "prompts"
    """Sentences and LLM instructions, as data."""
    min_endpointing_s: Seconds = 0.3
    """Wait after words that answer the question."""
    max_endpointing_s: Seconds = 1.0
    """Wait after words that do not answer it yet."""
    story_endpointing_s: Seconds = 0.7
    """Shortest wait after an open question: people think while they tell a story."""
    digits_endpointing_s: Seconds = 1.5
    """Wait while a number is incomplete: people pause between groups of digits."""
    silence_s: Seconds = 6.0
    """Silence after which the caller is asked whether he can hear us."""
    max_call_s: Seconds = 900.0
    """Hard end of a call, so that a drain ends."""
    resume_within_s: Seconds = 1800.0
    """A caller who was cut off may go on within this time."""
    election: bool = False
    """The Model Code of Conduct holds: no member is named."""
    transfer_to: str = ""
    """``tel:`` or ``sip:`` URI of a person who takes callers; empty = nobody does."""
    transfer_hours: str = "Mon-Fri 10:00-17:45"
    """When he does, Indian time; no holidays of Tamil Nadu. More terms after commas."""
    transfer_kind: Literal["cold", "warm"] = "cold"
    """``cold``: the trunk sends the caller on (REFER). ``warm``: the person is rung up."""
    transfer_trunk: str = ""
    """Id of LiveKit's outbound trunk that rings the person; for ``warm`` only."""

    @model_validator(mode="after")
    def _reachable(self) -> CallSettings:
        """Half a transfer would be noticed by the first caller who asks for a person."""
        to = self.transfer_to
        if to and not _TRANSFER_URI.fullmatch(to):
            raise ValueError("CALL__TRANSFER_TO must be like tel:+914422222222 or sip:desk@host")
        if to and self.transfer_kind == "warm" and not self.transfer_trunk:
            raise ValueError("a warm transfer needs CALL__TRANSFER_TRUNK")
        return self


class TicketSettings(_Group):
    """Where complaints become durable."""

    database_url: SecretStr = SecretStr("")
    """SQLAlchemy URL; empty = SQLite file ``kural.db`` under DATA_DIR. May hold a password."""
    encryption_key: SecretStr = SecretStr("")
    """Base64 key (32 bytes) for names, numbers and free text; empty = a key file is made under
    DATA_DIR with mode 0600."""
    encryption_key_next: SecretStr = SecretStr("")
    """Base64 key (32 bytes) that seals from now on while the one above still opens: for
    ``kural tickets rotate-key``; empty = none."""
    machine: str = ""
    """Name under which this machine leases ticket numbers; empty = the host name."""
    block_size: int = Field(default=100, ge=1, le=100_000)
    """Ticket numbers leased at once."""
    disk: Literal["kept", "vanishing"] = "kept"
    """Whether DATA_DIR outlives this machine. Where it does not, a number is spoken only when the
    database or the receiver has the complaint."""
    receiver_url: str = ""
    """Base URL of a second machine's ``kural tickets receive``; empty = there is none."""
    receiver_token: SecretStr = SecretStr("")
    """Shared secret of that receiver: sent by who writes, demanded by who receives."""


class RetentionSettings(_Group):
    """How long personal data is kept, in days; 0 = until somebody erases it (docs/privacy.md)."""

    recordings_days: int = Field(default=30, ge=0)
    """Recordings of whole calls."""
    voice_notes_days: int = Field(default=90, ge=0)
    """Voice notes; never while a ticket of their call is open."""
    words_days: int = Field(default=365, ge=0)
    """Words, name and number of tickets, from the day they were finished."""
    journals_days: int = Field(default=30, ge=0)
    """Journals of calls whose rows are all in the database."""
    callers_days: int = Field(default=90, ge=0)
    """Numbers callers phoned from, in the rows of calls and of call-backs that are done; messages
    to others that were sent."""


class AlertSettings(_Group):
    """Who is told of emergencies the moment they are filed (docs/alerts.md)."""

    url: str = ""
    """Webhook of whoever is on duty, https or in your own network; empty = nobody is told."""
    token: SecretStr = SecretStr("")
    """Sent to it as bearer token; empty where it wants none."""
    timeout_s: Seconds = 2.0
    """How long a caller waits for somebody to confirm that he knows."""


class LiveKitSettings(_Group):
    """The LiveKit server; unused by ``console`` and ``kural call``."""

    agent_name: str = "kural"
    """Explicit dispatch name in the SIP dispatch rule."""
    max_calls: int = Field(default=4, ge=1)
    """Calls this worker accepts until a calibration profile says otherwise."""
    drain_timeout_s: Seconds = 900.0
    """How long a draining worker waits for live calls."""


class ControlSettings(_Group):
    """HTTP ports of a worker; loopback unless told otherwise."""

    host: str = "127.0.0.1"
    worker_port: Port = 8081
    """LiveKit's own health port (/ and /worker)."""
    port: Port = 8080
    """Our /health /ready /metrics /drain."""


class LogSettings(_Group):
    """What the process says about itself."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """DEBUG is for development with invented callers only: libraries log words at that level."""
    format: Literal["json", "text"] = "json"


class Settings(BaseSettings):
    """All settings, grouped by the package that uses them."""

    model_config = SettingsConfigDict(
        frozen=True, env_nested_delimiter="__", env_file=".env", extra="ignore"
    )

    data_dir: Path = Path("var")
    """Everything written at run time: database, journal, prompt cache, sockets, key."""
    livekit_url: str = ""
    livekit_api_key: SecretStr = SecretStr("")
    livekit_api_secret: SecretStr = SecretStr("")
    speech: SpeechSettings = SpeechSettings()
    cloud: CloudSettings = CloudSettings()
    """What may leave this machine."""
    deepgram: DeepgramSettings = DeepgramSettings()
    """The second recogniser."""
    llm: LlmSettings = LlmSettings()
    """The language model."""
    call: CallSettings = CallSettings()
    tickets: TicketSettings = TicketSettings()
    retention: RetentionSettings = RetentionSettings()
    """How long personal data stays."""
    alerts: AlertSettings = AlertSettings()
    """Who is told of emergencies."""
    livekit: LiveKitSettings = LiveKitSettings()
    control: ControlSettings = ControlSettings()
    log: LogSettings = LogSettings()

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        """``DATA_DIR=`` is the default: key and journals must not fall into any working folder."""
        return cls.model_fields["data_dir"].default if value == "" else value

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the ticket database; may hold a password, so never log it."""
        given = self.tickets.database_url.get_secret_value()
        return given or f"sqlite:///{(self.data_dir / 'kural.db').resolve()}"

    @property
    def ears_url(self) -> str:
        """Where the ears answer."""
        return self.speech.ears_url or f"unix://{(self.data_dir / 'run' / 'ears.sock').resolve()}"

    @property
    def voice_url(self) -> str:
        """Where the voice answers."""
        return self.speech.voice_url or f"unix://{(self.data_dir / 'run' / 'voice.sock').resolve()}"

    @property
    def cloud_recogniser(self) -> bool:
        """Whether the second recogniser may be asked."""
        return self.cloud.allowed and bool(self.deepgram.api_key.get_secret_value())

    @property
    def cloud_words(self) -> bool:
        """Whether a caller's words may leave this network, which the notice must then say."""
        models = (self.llm.url, self.llm.second_url)
        abroad = any(url and not is_own_network(url) for url in models)
        return self.cloud_recogniser or (self.cloud.allowed and abroad)

    @property
    def journal_dir(self) -> Path:
        """One synced file a call."""
        return self.data_dir / "journal"

    @property
    def prompt_cache_dir(self) -> Path:
        """Rendered prompts, read straight from disk by call processes."""
        return self.data_dir / "prompts"


def is_own_network(url: str) -> bool:
    """Whether a server is on this machine or in a private network.

    A host name without a dot (``vllm`` of a compose file) and the usual private endings count as
    one's own; every other name leaves the house.
    """
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_private or address.is_loopback


def _check_cloud(settings: Settings) -> None:
    """Words leave the house only where that was said in so many words."""
    for name, url in (("LLM__URL", settings.llm.url), ("LLM__SECOND_URL", settings.llm.second_url)):
        if url and not settings.cloud.allowed and not is_own_network(url):
            raise ConfigurationError(
                f"The setting {name} names a server outside your network, so callers' words would "
                "leave it: set CLOUD__ALLOWED=true if they may, or name a server of your own."
            )


def _check_alerts(settings: Settings) -> None:
    """An alert says where there is danger: nobody on the way may read it."""
    url = settings.alerts.url
    if not url:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            "The setting ALERTS__URL is no address of a webhook: write it like "
            "https://duty.example.org/alerts."
        )
    if parts.scheme == "http" and not is_own_network(url):
        raise ConfigurationError(
            "The setting ALERTS__URL names a server outside your network, where alerts could be "
            "read on the way: use https."
        )


def load() -> Settings:
    """Read the environment and ``.env``.

    Raises:
        ConfigurationError: one sentence naming the setting, without the value it was given.
    """
    try:
        settings = Settings()
        _check_cloud(settings)
        _check_alerts(settings)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        name = "__".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(
            f"The setting {name} is wrong: {first['msg']}. See secrets.example.txt."
        ) from None
    except SettingsError as exc:
        name = str(exc).split('"')[1].upper()  # pydantic-settings names it nowhere else
        raise ConfigurationError(
            f"The setting {name} is a group: set {name}__... instead. See secrets.example.txt."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "The file .env cannot be read: make it a readable text file in UTF-8."
        ) from None
    return settings
