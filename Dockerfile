# The worker: answers calls, holds no GPU library and no torch. Build: docker build --target worker .
# Run it with the settings of secrets.example.txt and a volume on /data.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# Every wheel is checked against its hash here; the tools of developers then stay behind, because
# the second step installs, from these wheels alone, only what the package itself needs.
COPY requirements.lock ./
RUN pip wheel --require-hashes --no-deps --wheel-dir /wheels -r requirements.lock
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-index --find-links /wheels hatchling editables
COPY pyproject.toml README.md LICENSE ./
COPY agent/ agent/
# Editable, so that the package finds prompts/ and models/ beside it in /app.
RUN /opt/venv/bin/pip install --no-index --find-links /wheels --no-build-isolation -e .

FROM python:3.11.14-slim-bookworm AS worker
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/kural DATA_DIR=/data
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
VOLUME /data
EXPOSE 8081
# LiveKit's own port; 503 when the worker cannot reach its server any more.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/', timeout=4)"]
# The worker drains: live calls end first. Give it more time than LIVEKIT__DRAIN_TIMEOUT_S.
STOPSIGNAL SIGTERM
CMD ["python", "agent.py", "start"]
