# Two images of one file; docs/deploy.md says where each runs.
#   worker      answers calls; no GPU library, no torch. The last stage, so `docker build .` and
#               `lk agent create` make it.
#   engine-gpu  the ears on a GPU, for workers elsewhere; with `python agent.py start` for a command
#               it is a worker with ears of its own on that GPU (the small profile, one machine).
# deploy/replay-build.sh takes the same steps where no container daemon is at hand.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# Every wheel is checked against its hash here; the tools of developers then stay behind, because
# the last step installs, from these wheels alone, only what the package itself needs.
COPY requirements.lock ./
RUN pip wheel --require-hashes --no-deps --wheel-dir /wheels -r requirements.lock
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-index --find-links /wheels hatchling editables
COPY pyproject.toml README.md LICENSE ./
COPY agent/ agent/
# Editable, so that the package finds prompts/ and models/ beside it in /app. PostgreSQL, because
# a container's disk is no place for the only database; cloud voices: --build-arg EXTRAS=postgres,sarvam
ARG EXTRAS=postgres
RUN /opt/venv/bin/pip install --no-index --find-links /wheels --no-build-isolation -e ".[$EXTRAS]"

# cuBLAS comes as a wheel, so no CUDA base image is needed: the driver is the host's.
FROM build AS gpu
COPY requirements-gpu.lock ./
RUN pip install --require-hashes --no-deps --target /opt/gpu -r requirements-gpu.lock

# What both images share.
FROM python:3.11.14-slim-bookworm AS runtime
# CONTROL__HOST: probes and scrapers come from outside a container's own network.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/kural DATA_DIR=/data CONTROL__HOST=0.0.0.0
RUN useradd --uid 10001 --create-home --home-dir /home/kural kural \
    && install -d -o kural -g kural -m 0700 /data
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY models/ models/
COPY prompts/ prompts/
# The text of the GPL-3 for espeak-ng, and what it asks of whoever hands this image on.
COPY licences/ licences/
COPY docs/licences.md docs/licences.md
COPY pyproject.toml README.md LICENSE agent.py ./
COPY agent/ agent/
USER 10001
# What LiveKit's plugins fetch at run time is fetched now; today each of ours brings its model along.
RUN python agent.py download-files
VOLUME /data
STOPSIGNAL SIGTERM

FROM runtime AS engine-gpu
COPY --from=gpu /opt/gpu /opt/venv/lib/python3.11/site-packages
ENV SPEECH__DEVICE=cuda NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
EXPOSE 9090
# The ears listen once their model is loaded; in the small profile LiveKit's port answers instead.
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import socket as s; any(s.socket().connect_ex(('127.0.0.1', p)) == 0 for p in (9090, 8081)) or exit(1)"]
# Open to the network, so SPEECH__TOKEN must be set; tcps:// wants SPEECH__TLS_CERT and _KEY too.
CMD ["kural", "engine", "--url", "tcp://0.0.0.0:9090"]

FROM runtime AS worker
EXPOSE 8080 8081
# LiveKit's own port; 503 when the worker cannot reach its server any more.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.getenv('CONTROL__WORKER_PORT', '8081'), timeout=4)"]
# The worker drains: live calls end first. Give it more time than LIVEKIT__DRAIN_TIMEOUT_S.
CMD ["python", "agent.py", "start"]
