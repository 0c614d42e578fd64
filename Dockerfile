# Two stages with Node and hatchling build the page, the wheel and the environment; the image that
# runs carries only Python and that environment, and runs as an ordinary user.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

COPY requirements/ requirements/
RUN python -m venv /opt/vms \
 && /opt/vms/bin/pip install --require-hashes --requirement requirements/runtime.lock \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --requirement requirements/build.lock
ENV PATH=/opt/build/bin:$PATH

COPY web/package.json web/package-lock.json web/.npmrc web/
RUN cd web && npm ci --no-audit --no-fund

COPY . .
RUN cd web && npm run build \
 && cd .. \
 && pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/vms/bin/pip install --no-deps --no-index dist/*.whl \
 && /opt/vms/bin/python -m vms --help


FROM python:3.11.14-slim-bookworm AS run
RUN useradd --system --uid 10001 --home-dir /var/lib/vms --create-home --shell /usr/sbin/nologin vms
COPY --from=build /opt/vms /opt/vms
COPY scripts/healthcheck.py /opt/vms/healthcheck.py
ENV PATH=/opt/vms/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VMS_HTTP__HOST=0.0.0.0
WORKDIR /var/lib/vms
USER vms
VOLUME ["/var/lib/vms"]
# The page and the API; signalling; WebRTC; RTP
EXPOSE 8080/tcp 5060/udp 5060/tcp 8189-8204/udp 8189-8204/tcp 8090-8105/tcp 8554-8569/tcp 30000-30999/udp 30000-30999/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "/opt/vms/healthcheck.py"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["vms"]
CMD ["serve"]
