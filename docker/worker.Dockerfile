# The worker on Fargate: Debian with its own ffmpeg, Node, and the worker in a few files. `npm run images:build` builds it:
# it bundles the worker into dist/image/ first, and passes BASE.
#
# BASE is debian:bookworm-slim by the digest in docker/base.lock, which `npm run images:pin` writes where a registry can be
# reached; nobody types it. Elsewhere it is docker/base.Dockerfile's.
#
# Node is the binary of npm's package `node`: the lock file names its version, and it is the very one that the tests ran
# on. An official Node image would bring npm, yarn and headers, 60 MB more, and a second digest to keep.
ARG BASE
FROM ${BASE}

# Of ffmpeg's 200 libraries some bring what a machine without a screen never loads: OpenGL's drivers and the compiler that
# they use are 200 MB. They are opened by name, not linked; the last line below would fail otherwise.
RUN export DEBIAN_FRONTEND=noninteractive \
  && printf 'path-exclude=%s\n' \
      '/usr/lib/*/dri/*' '/usr/lib/*/libLLVM*' '/usr/lib/*/libz3.*' '/usr/lib/llvm*' '/usr/lib/*/mfx/*' '/usr/share/doc/*' '/usr/share/man/*' \
      '/usr/share/info/*' '/usr/share/locale/*' '/usr/share/icons/*' '/usr/share/X11/*' '/usr/share/lintian/*' \
      > /etc/dpkg/dpkg.cfg.d/mixdown \
  && apt-get update \
  && apt-get upgrade --yes --no-install-recommends \
  && apt-get install --yes --no-install-recommends ffmpeg ca-certificates \
  && apt-get clean \
  && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/* \
  && useradd --uid 1000 --user-group --no-create-home --shell /usr/sbin/nologin worker \
  && install --directory --owner=1000 --group=1000 --mode=0700 /scratch \
  && ffmpeg -hide_banner -loglevel error -f lavfi -i sine=duration=0.1 -f null - \
  && ffprobe -version > /dev/null

COPY dist/image /app
# Another processor's Node would fail here, and not in the first task.
RUN ["/app/node", "--version"]

# Everything but /scratch is read-only when it runs. On Fargate a volume begins as root's, unless the image declares it.
VOLUME /scratch
ENV PATH=/app:/usr/bin:/bin HOME=/scratch TMPDIR=/scratch MIXDOWN_SCRATCH=/scratch MIXDOWN_CACHE_DIR=/scratch/.cache
WORKDIR /scratch
USER 1000:1000
# ECS puts an init before it (initProcessEnabled), which reaps and passes SIGTERM on; the worker then ends ffmpeg and hands
# its job back.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/node", "/app/worker/main.js"]
