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
    AliasChoices,
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

OVERLOAD_AGENT = "kural-overload"
"""Explicit dispatch name of the agent that answers when every worker is full; not a setting, since
redispatchers and workers of several machines must mean the same."""

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
    """Words a minute of the embedded voice; a neural one speaks naturally at 165."""
    phrase_cache_mb: int = Field(default=64, ge=0, le=100_000)
    """Disk for frequent phrases between the prompts (places, numbers of days), in 10^6 bytes; what
    was used longest ago goes first. 0 = none are kept."""
    voice_model: str = ""
    """Folder of a VITS checkpoint that speaks Tamil (docs/voice.md); empty = espeak-ng speaks.
    Needs the extra ``voice``."""
    voice_speaker: int = Field(default=0, ge=0)
    """Which speaker of that checkpoint, counted from 0."""
    voice_batch: int = Field(default=0, ge=0, le=64)
    """Most texts the neural voice speaks at once; 0 = 8 on a GPU and 1 on a CPU, where a batch
    takes as long as its texts in turn."""
    voice_within_s: Seconds = 1.2
    """How long the neural voice may take for a portion before espeak-ng says it."""
    voice_license: str = ""
    """Licence of that checkpoint, by name, that your office has settled it may use; needed for
    ``start`` where the checkpoint states none or one that forbids commercial use."""
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


class TtsSettings(_Group):
    """How the instances of TTS_API_URLS are asked to speak (docs/voice.md)."""

    api_key: SecretStr = SecretStr("")
    """Sent to them as bearer token; empty where they want none."""
    model: str = "tts-1"
    """Their name of the model."""
    voice: str = "ta"
    """Their name of the Tamil voice; empty = the embedded voice speaks Tamil."""
    voice_en: str = ""
    """Their name of the English voice; empty = the embedded voice speaks English."""
    form: Literal["pcm", "wav"] = "pcm"
    """What they answer with: PCM can be streamed by every server."""
    pcm_rate: int = Field(default=24_000, ge=8_000, le=48_000)
    """Hertz of PCM that says nothing about itself."""
    limit: int = Field(default=4, ge=1, le=64)
    """Requests one instance gets at once from this machine; more slow each other down."""
    queue: int = Field(default=16, ge=0, le=256)
    """Requests that may wait for a place; one more is spoken by the embedded voice."""
    first_audio_s: Seconds = 0.8
    """Longest wait for their first sound, with a place to wait for and a second try. Callers give
    the whole voice 1.5 s."""


class CartesiaSettings(_Group):
    """A cloud voice, asked when no instance speaks; needs CLOUD__ALLOWED and an extra package."""

    api_key: SecretStr = SecretStr("")
    """Key of the account; empty = it is not asked."""
    model: str = "sonic-3"
    """Its name of the model; sonic-3 speaks Tamil."""
    voice: str = ""
    """Id of the voice; empty = the plugin's default, which was recorded in English."""
    url: str = "https://api.cartesia.ai"
    """Endpoint."""


class SarvamSettings(_Group):
    """Another cloud voice, asked after Cartesia."""

    api_key: SecretStr = SecretStr("")
    """Key of the account; empty = it is not asked."""
    model: str = "bulbul:v3"
    """Its name of the model."""
    voice: str = ""
    """Name of the speaker; empty = that of the plugin for the model."""
    url: str = "https://api.sarvam.ai/text-to-speech"
    """Endpoint for whole sentences."""


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
    silence_s: Seconds = 3.8
    """Silence after which the caller is told that we listen; as much again, and he is asked whether
    he can hear us. With the 0.2 s of the clock nobody hears nothing for more than 4 s."""
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
    max_calls: int = Field(default=0, ge=0, le=10_000)
    """Calls this worker takes at once; 0 = what its calibration found (docs/capacity.md), or 4
    where there was none."""
    drain_timeout_s: Seconds = 900.0
    """How long a draining worker waits for live calls."""
    room_prefix: str = "call-"
    """How the rooms of our calls begin, as the SIP dispatch rule says; others on the same server
    are left alone."""
    redispatch: bool = True
    """``start`` also runs ``kural redispatch``; off where a control machine does."""
    overload_calls: int = Field(default=8, ge=0, le=200)
    """Places of the overload agent beside this worker, for call-backs by key; 0 = there is none."""

    @property
    def agents(self) -> frozenset[str]:
        """Names of our agents, of which a call has one."""
        return frozenset({self.agent_name, OVERLOAD_AGENT})


class CapacitySettings(_Group):
    """How many calls this machine carries."""

    profile: str = ""
    """JSON file that ``kural capacity calibrate`` wrote; empty = ``capacity.json`` under
    DATA_DIR."""
    webrtc_s: float = Field(default=0.3, ge=0.0, le=5.0)
    """What the telephone line adds to the agent's answer, in seconds: a calibration, which plays
    calls without it, leaves so much of its target to it."""
    webrtc_cores: float = Field(default=0.09, ge=0.0, le=1.0)
    """Cores a call's WebRTC takes; a calibration takes as much for each of its calls. Measured by
    `kural lab load --calls 4`: docs/capacity.md."""
    webrtc_mb: float = Field(default=30.0, ge=0.0, le=1000.0)
    """Memory a call's WebRTC takes, in 10^6 bytes."""


class ControlSettings(_Group):
    """HTTP ports of a worker; loopback unless told otherwise."""

    host: str = "127.0.0.1"
    worker_port: Port = 8081
    """LiveKit's own health port (/ and /worker)."""
    port: Port = 8080
    """Our /health /ready /metrics /drain."""
    token: SecretStr = SecretStr("")
    """Shared secret for POST /drain; empty = only SIGTERM drains a worker."""


class ScaleSettings(_Group):
    """Where machines come from and how many there may be (docs/scaling.md)."""

    provider: Literal["none", "runpod", "kubernetes", "local"] = "none"
    """Who gives machines: RunPod, replicas of a Kubernetes Deployment, or worker processes on this
    machine (for trials)."""
    env: str = Field(default="prod", pattern=r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", max_length=20)
    """Part of every machine's name (``kural-prod-1``): two environments of one account never touch
    each other's machines."""
    instance: Literal["cpu", "gpu"] = "cpu"
    """Kind of RunPod pod: ``cpu`` runs the worker image, ``gpu`` the engine-gpu image."""
    image: str = ""
    """Container image of workers, with its tag or digest; needed for RunPod CPU pods."""
    gpu_image: str = ""
    """Container image of GPU machines (build target engine-gpu); needed for RunPod GPU pods."""
    gpu_types: str = (
        "NVIDIA RTX 4000 Ada Generation,NVIDIA RTX 2000 Ada Generation,NVIDIA GeForce RTX 4090"
    )
    """RunPod ids of GPU types, the preferred first, parted by commas."""
    cpu_types: str = "cpu5c,cpu3c"
    """RunPod ids of CPU flavours, the preferred first, parted by commas."""
    min_vcpus: int = Field(default=4, ge=1, le=256)
    """Least number of virtual CPUs of a machine; CPU pods have a power of two."""
    min_memory_gb: int = Field(default=8, ge=1, le=2048)
    """Least main memory of a machine, in 10^9 bytes."""
    disk_gb: int = Field(default=20, ge=5, le=1000)
    """Container disk of a pod, in 10^9 bytes; it vanishes with the pod."""
    data_centers: str = ""
    """RunPod data centres a pod may be in, parted by commas; empty = any of the secure cloud."""
    registry: str = ""
    """RunPod id of the credential for a private image; empty = the image is public."""
    runpod_url: str = "https://api.runpod.io"
    """Endpoint of RunPod's REST API, version 2."""
    runpod_proxy: str = "https://{id}-{port}.proxy.runpod.net"
    """Where a port of a pod answers; ``{id}`` and ``{port}`` are filled in."""
    hours: str = "always"
    """Hours of full service: always, daily (08:00-20:00), office (the same on working days) or
    hours such as ``Mon-Sat 07:00-21:30``, Indian time."""
    open_machines: int = Field(default=1, ge=1, le=1000)
    """Machines in hours of service, whatever the demand."""
    answer_path_calls: int = Field(default=8, ge=0, le=10_000)
    """Callers at once whom the overload agent answers without any of these machines; 0 = there is
    none elsewhere, so the last machine stays outside hours too."""
    calls_per_machine: int = Field(default=4, ge=0, le=10_000)
    """Calls a machine of a type without known capacity is counted with until it says so itself; 0 =
    such types are not rented."""
    actions_per_hour: int = Field(default=30, ge=1, le=10_000)
    """Most machines ordered and drained in an hour."""
    max_machines: int = Field(default=3, ge=1, le=1000)
    """Most machines at once, whatever the demand."""
    max_usd_per_hour: float = Field(default=2.0, gt=0)
    """Most that all machines together may cost an hour, in US dollars."""
    max_usd_per_day: float = Field(default=20.0, gt=0)
    """Most that may be spent from midnight to midnight, Indian time, in US dollars."""
    usd_per_hour: float = Field(default=0.0, ge=0)
    """Cost of one Kubernetes replica or local process an hour, which nobody else tells us."""
    ready_within_s: Seconds = 900.0
    """How long a new machine may take until it answers calls."""
    kubernetes_url: str = "https://kubernetes.default.svc"
    """API server of the cluster; http only on loopback (kubectl proxy)."""
    kubernetes_namespace: str = "default"
    """Namespace of the Deployment."""
    kubernetes_deployment: str = "kural-worker"
    """Name of the Deployment whose replicas are workers."""
    kubernetes_token_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105
    """File with the bearer token; read anew for every request, since clusters rotate it. Empty =
    none is sent."""
    kubernetes_ca_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    """PEM file of the cluster's authority; empty = what the system trusts."""


class LogSettings(_Group):
    """What the process says about itself."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """DEBUG is for development with invented callers only: libraries log words at that level."""
    format: Literal["json", "text"] = "json"


class Settings(BaseSettings):
    """All settings, grouped by the package that uses them."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
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
    tts_api_urls: str = Field(
        default="", validation_alias=AliasChoices("tts_api_urls", "chattts_api_urls")
    )
    """Instances of a neural voice, parted by commas; empty = the embedded voice speaks. The older
    name CHATTTS_API_URLS is read as well."""
    tts: TtsSettings = TtsSettings()
    """How they are asked."""
    cartesia: CartesiaSettings = CartesiaSettings()
    """The first cloud voice."""
    sarvam: SarvamSettings = SarvamSettings()
    """The second one."""
    llm: LlmSettings = LlmSettings()
    """The language model."""
    call: CallSettings = CallSettings()
    tickets: TicketSettings = TicketSettings()
    retention: RetentionSettings = RetentionSettings()
    """How long personal data stays."""
    alerts: AlertSettings = AlertSettings()
    """Who is told of emergencies."""
    livekit: LiveKitSettings = LiveKitSettings()
    capacity: CapacitySettings = CapacitySettings()
    """Where the measured capacity of this machine lies."""
    control: ControlSettings = ControlSettings()
    runpod_api_key: SecretStr = SecretStr("")
    """Key of the RunPod account; only needed where machines come from there."""
    scale: ScaleSettings = ScaleSettings()
    """Where machines come from."""
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
    def tts_instances(self) -> tuple[str, ...]:
        """Base addresses of the instances, each once, without ``/v1`` or what follows it."""
        named = (url.strip().rstrip("/") for url in self.tts_api_urls.split(","))
        bases = (url.removesuffix("/audio/speech").removesuffix("/v1") for url in named if url)
        return tuple(dict.fromkeys(base.rstrip("/") for base in bases))

    @property
    def cloud_voices(self) -> tuple[str, ...]:
        """The cloud voices that may be asked, in their order: ``cartesia``, ``sarvam``."""
        keys = {"cartesia": self.cartesia.api_key, "sarvam": self.sarvam.api_key}
        given = (name for name, key in keys.items() if key.get_secret_value())
        return tuple(given) if self.cloud.allowed else ()

    @property
    def cloud_words(self) -> bool:
        """Whether a caller's words may leave this network, which the notice must then say."""
        servers = (self.llm.url, self.llm.second_url, *self.tts_instances)
        abroad = any(url and not is_own_network(url) for url in servers)
        asked = self.cloud_recogniser or bool(self.cloud_voices)
        return asked or (self.cloud.allowed and abroad)

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


def _check_voices(settings: Settings) -> None:
    """A name that is read back is as private as one that is told."""
    for url in settings.tts_instances:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.username or parts.query:
            raise ConfigurationError(
                "The setting TTS_API_URLS holds something that is no address: write it like "
                "http://10.0.0.5:8000,http://10.0.0.6:8000."
            )
        if is_own_network(url):
            continue
        if not settings.cloud.allowed:
            raise ConfigurationError(
                "The setting TTS_API_URLS names a server outside your network, so callers' words "
                "would leave it: set CLOUD__ALLOWED=true if they may, or name servers of your own."
            )
        if parts.scheme == "http":
            raise ConfigurationError(
                "The setting TTS_API_URLS names a server outside your network, where names and "
                "places could be read on the way: use https."
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
        _check_voices(settings)
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
