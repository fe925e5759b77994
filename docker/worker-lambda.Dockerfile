# The same worker on Lambda: a runtime of its own (worker/lambda.ts) runs its process once for each call, and tells it to
# stop 20 s before Lambda's limit. WORKER is the image of worker.Dockerfile.
ARG WORKER
FROM ${WORKER}
# The only folder that can be written to there. Lambda runs the image as a user of its own.
ENV HOME=/tmp TMPDIR=/tmp MIXDOWN_SCRATCH=/tmp MIXDOWN_CACHE_DIR=/tmp/.cache
WORKDIR /tmp
ENTRYPOINT ["/app/node", "/app/worker/lambda.js"]
