# The same worker on GPU instances. The driver's libraries come from the host by NVIDIA's container runtime, which the ECS
# GPU-optimised AMI has; what must be here is an ffmpeg that knows nvenc. WORKER is the image of worker.Dockerfile.
ARG WORKER
FROM ${WORKER}
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
RUN ffmpeg -hide_banner -encoders > /tmp/encoders \
  && grep -q ' h264_nvenc ' /tmp/encoders && grep -q ' hevc_nvenc ' /tmp/encoders \
  && rm /tmp/encoders
