# One image for the server, the background worker and the commands: `docker run frontdesk serve | worker | migrate | …`
FROM python:3.13.7-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/frontdesk
WORKDIR /src
# Alone, so that a change of the code does not install everything anew.
COPY requirements.lock ./
RUN /opt/frontdesk/bin/pip install --require-hashes -r requirements.lock
# What browsers are sent that is not ours.
COPY package.json package-lock.json .npmrc requirements-node.lock ./
RUN python -m venv /opt/node && /opt/node/bin/pip install --require-hashes -r requirements-node.lock \
    && /opt/node/bin/npm ci --omit=dev
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN mkdir -p src/frontdesk/portal/static && cd node_modules \
    && (cat htmx.org/dist/htmx.min.js; echo; cat htmx.org/dist/ext/hx-sse.min.js) > ../src/frontdesk/portal/static/htmx.min.js \
    && cp @event-calendar/build/dist/event-calendar.min.css @event-calendar/build/dist/event-calendar.min.js \
        ../src/frontdesk/portal/static/
RUN /opt/frontdesk/bin/pip install --no-deps --no-build-isolation .

FROM python:3.13.7-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/frontdesk frontdesk
COPY --from=build /opt/frontdesk /opt/frontdesk
ENV PATH=/opt/frontdesk/bin:$PATH PYTHONUNBUFFERED=1 \
    FRONTDESK_ENV=production FRONTDESK_HOST=0.0.0.0 FRONTDESK_DATA_DIR=/var/lib/frontdesk
USER frontdesk
WORKDIR /var/lib/frontdesk
VOLUME /var/lib/frontdesk
EXPOSE 8000
ENTRYPOINT ["frontdesk"]
CMD ["serve"]
