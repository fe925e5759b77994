# The embedded platform (compose.yaml): API, queue and workers in one process tree. WORKER is the image of
# worker.Dockerfile; `npm run images:build -- platform` packs the command line first.
ARG WORKER
FROM ${WORKER}
USER 0
COPY dist/image-platform /app
RUN install --directory --owner=1000 --group=1000 --mode=0700 /data
VOLUME /data
ENV MIXDOWN_DATA=/data
USER 1000:1000
ENTRYPOINT ["/app/node", "/app/cli/main.js"]
CMD ["dev"]
