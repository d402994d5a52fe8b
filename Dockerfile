# One image for every role, which the arguments select (`run --only poller`). `--target simulator` builds the
# simulated TrackerRMS account, for trials.
# tests/image/ runs the steps of this file in a clean root, so it uses only instructions that both understand.

ARG BASE=python:3.11.13-slim-bookworm

# --- the build, with pip; only /opt/bridge goes into the image ---------------------------------------------

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements-image.lock requirements-build.lock ./
RUN python -m venv --without-pip /opt/bridge
RUN python -m pip --python /opt/bridge/bin/python install --require-hashes --only-binary :all: -r requirements-image.lock
RUN python -m venv --without-pip /opt/build
RUN python -m pip --python /opt/build/bin/python install --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY contracts/ contracts/
COPY bridge/ bridge/
RUN cd contracts && /opt/build/bin/hatchling build -t wheel -d /dist
RUN /opt/build/bin/hatchling build -t wheel -d /dist
RUN python -m pip --python /opt/bridge/bin/python install --no-deps --no-index /dist/*.whl

# --- the base: a Python without its installers, and a user who owns nothing ---------------------------------

FROM ${BASE} AS ground
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip*
RUN groupadd --gid 10001 bridge && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin bridge
# A volume, used only for embedded servers or a development key. Everything else needs only /tmp.
RUN install -d -o 10001 -g 10001 -m 0755 /var/lib/trackerrms-bridge
ENV PATH=/opt/bridge/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /var/lib/trackerrms-bridge
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["bridge"]

# --- the simulated account ---------------------------------------------------------------------------------

FROM build AS build-simulator
COPY requirements-image-simulator.lock ./
RUN python -m pip --python /opt/bridge/bin/python install --require-hashes --only-binary :all: -r requirements-image-simulator.lock

FROM ground AS simulator
LABEL org.opencontainers.image.title="TrackerRMS simulator" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-simulator /opt/bridge /opt/bridge
EXPOSE 8090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8090/__about', timeout=4)"]
CMD ["simulate", "--host=0.0.0.0"]

# --- the bridge --------------------------------------------------------------------------------------------

FROM ground AS bridge
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="TrackerRMS Bridge" org.opencontainers.image.description="TrackerRMS as an event stream: changes to Kafka, commands back, signed webhooks out." org.opencontainers.image.licenses="Apache-2.0" org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/bridge /opt/bridge
EXPOSE 8420 8421
# To use another port, set monitoring.listen with this variable, or give the container its own check.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import os; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + os.environ.get('BRIDGE_MONITORING_LISTEN', ':8421').rpartition(':')[2] + '/livez', timeout=4)"]
CMD ["run"]
