# A base without a container registry: rootfs.tar is what debootstrap made (scripts/base-image.ts). Where a registry can
# be reached, docker/base.lock names debian:bookworm-slim by its digest instead.
FROM scratch
ADD rootfs.tar /
CMD ["/bin/sh"]
