# The bot in a box. Build: docker build -t bot .
#
# Run, with the data and the key each in a volume of its own (both are made at the first start):
#
#   docker run -d --name bot --restart unless-stopped -e BOT_TOKEN=... \
#       -v bot-data:/data -v bot-keys:/keys bot
#
# Name both volumes. Without its key the data opens for nobody, you included: copy the key once,
# and keep the copy apart from copies of the data:
#
#   docker cp bot:/keys/master.key .
#
# With a secret in place of the second volume see compose.yaml, or add to the line above:
#
#   -e BOT_MASTER_KEY_FILE=/run/secrets/bot_master_key \
#   -v "$PWD/keys/master.key:/run/secrets/bot_master_key:ro"
#
# Backup and the like want the bot stopped, and the same volumes:
#
#   docker run --rm -v bot-data:/data -v bot-keys:/keys -v "$PWD/copies:/copies" bot backup /copies/today

FROM python:3.13-slim AS build
COPY requirements/run.txt /requirements.txt
# Wheels only: nothing is compiled or run while it is installed.
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /requirements.txt
COPY bot /app/bot
RUN /venv/bin/python -m compileall -q /app/bot

FROM python:3.13-slim
# 1000 is the first user of most machines, so that a key file of theirs, mounted here, can be read.
# Each folder is made here and theirs: a new volume takes over the owner of what it covers.
RUN useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin bot \
    && install -d -o bot -g bot -m 0700 /data /keys
COPY --from=build /venv /venv
COPY LICENSE /app/LICENSE
COPY content /app/content
COPY --from=build /app/bot /app/bot
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BOT_DATABASE_URL=sqlite:////data/bot.db \
    BOT_MASTER_KEY_FILE=/keys/master.key \
    BOT_LISTEN=0.0.0.0:8080
WORKDIR /app
USER bot
# Both, so that a container that is started without naming them still leaves them behind.
VOLUME ["/data", "/keys"]
# For the webhook alone; polling needs no port.
EXPOSE 8080
STOPSIGNAL SIGTERM
# The running bot touches this file, whichever way its updates come in.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD test -n "$(find /data/bot.alive -mmin -2 2>/dev/null)"
ENTRYPOINT ["python", "-m", "bot"]
