# Both connectors and the receiver of webhooks in one file:
#   docker build --target source      --tag squadstack/source-squadstack .
#   docker build --target destination --tag squadstack/destination-squadstack .
#   docker build --target webhooks    --tag squadstack/webhooks-squadstack .

ARG BASE=docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6

# An environment of its own: what the base image happens to carry is neither used nor changed.
FROM ${BASE} AS environment
# Root, to write under /opt: none of the stages built on this one is an image that anybody runs.
# hadolint ignore=DL3002
USER 0
RUN python -m venv --without-pip /opt/squadstack

# The pinned set. Behind a proxy or with an index of one's own: --secret id=pip_conf,src=pip.conf, and for its certificate
# --secret id=ca_bundle,src=ca.pem with `cert = /run/secrets/ca_bundle` in that pip.conf. Neither stays in a layer.
FROM environment AS dependencies
COPY requirements.txt /build/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca_bundle \
    python -m pip --python /opt/squadstack/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
    --requirement /build/requirements.txt

# setuptools is part of that set (the CDK asks for it), so the wheel is built with a pinned one and nothing is fetched here.
FROM dependencies AS wheel
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY source_squadstack source_squadstack
COPY destination_squadstack destination_squadstack
COPY squadstack_common squadstack_common
COPY webhooks_squadstack webhooks_squadstack
RUN python -m pip --python /opt/squadstack/bin/python wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM dependencies AS installed
ARG VERSION=0.1.0
COPY --from=wheel /wheels /wheels
# The wheel is asked for by name: an image labelled with a version that it does not hold cannot be built.
# The tests that libraries ship to users (pandas alone: 39 MB) go.
RUN python -m pip --python /opt/squadstack/bin/python install --no-cache-dir --no-deps --no-index \
    "/wheels/airbyte_squadstack-${VERSION}-py3-none-any.whl" \
 && find /opt/squadstack/lib -type d -name tests -prune -exec rm -rf {} +

# The receiver's own set: a web service that strangers reach carries nothing of the CDK, and no command that would lack it.
FROM environment AS webhooks-dependencies
COPY requirements-webhooks.txt /build/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca_bundle \
    python -m pip --python /opt/squadstack/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
    --requirement /build/requirements-webhooks.txt

FROM webhooks-dependencies AS webhooks-installed
ARG VERSION=0.1.0
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/squadstack/bin/python install --no-cache-dir --no-deps --no-index \
    "/wheels/airbyte_squadstack-${VERSION}-py3-none-any.whl" \
 && rm /opt/squadstack/bin/source-squadstack /opt/squadstack/bin/destination-squadstack

# What both connectors run in. The number, not a name, lets a cluster see that this is not root; any other uid works as well.
FROM ${BASE} AS runtime
COPY --from=installed /opt/squadstack /opt/squadstack
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /airbyte
USER 1000

FROM runtime AS source
ARG VERSION=0.1.0
LABEL io.airbyte.name="squadstack/source-squadstack" \
      io.airbyte.version="${VERSION}"
ENV AIRBYTE_ENTRYPOINT="/opt/squadstack/bin/source-squadstack"
ENTRYPOINT ["/opt/squadstack/bin/source-squadstack"]

FROM runtime AS destination
ARG VERSION=0.1.0
LABEL io.airbyte.name="squadstack/destination-squadstack" \
      io.airbyte.version="${VERSION}"
ENV AIRBYTE_ENTRYPOINT="/opt/squadstack/bin/destination-squadstack"
ENTRYPOINT ["/opt/squadstack/bin/destination-squadstack"]

FROM ${BASE} AS webhooks
ARG VERSION=0.1.0
COPY --from=webhooks-installed /opt/squadstack /opt/squadstack
# A new volume that is mounted here gets its owner, and else the user below could not write to it.
USER 0
RUN install --directory --owner 1000 --group 0 --mode 0775 /data
USER 1000
WORKDIR /data
ENV PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
LABEL org.opencontainers.image.title="squadstack/webhooks-squadstack" \
      org.opencontainers.image.version="${VERSION}"
ENTRYPOINT ["/opt/squadstack/bin/webhooks-squadstack"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
