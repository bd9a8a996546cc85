# The command line as a container image: docker build -t ctxsrc . && docker run --rm ctxsrc digest docker-image://alpine:3.20
FROM node:24-slim AS build
WORKDIR /src
COPY . .
RUN npm ci && npm pack

FROM node:24-slim
RUN apt-get update && apt-get install -y --no-install-recommends bzip2 ca-certificates git openssh-client xz-utils && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/ctxsrc-*.tgz /tmp/
RUN npm install --global /tmp/ctxsrc-*.tgz && rm /tmp/ctxsrc-*.tgz
USER node
ENTRYPOINT ["ctxsrc"]
