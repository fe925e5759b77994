import type { Environment } from "../../config/environments.ts";

/** The worker's images: each with the setting that names it, and the output of its repository. */
export const imageNames = {
  worker: { variable: "MIXDOWN_WORKER_DIGEST", setting: "workerDigest", output: "worker_repository_url" },
  "worker-lambda": {
    variable: "MIXDOWN_WORKER_LAMBDA_DIGEST",
    setting: "workerLambdaDigest",
    output: "worker_lambda_repository_url",
  },
  "worker-gpu": {
    variable: "MIXDOWN_WORKER_GPU_DIGEST",
    setting: "workerGpuDigest",
    output: "worker_gpu_repository_url",
  },
} as const;

export type ImageName = keyof typeof imageNames;

/** Those whose lanes the environment has. */
export const listNeededImages = ({ lambdaLane, gpu }: Environment): readonly ImageName[] => [
  "worker",
  ...(lambdaLane ? (["worker-lambda"] as const) : []),
  ...(gpu ? (["worker-gpu"] as const) : []),
];
