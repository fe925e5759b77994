/** Every number that bounds something, each with its reason. Units stand in the names. */
export const limits = {
  /** A running worker says so this often; four misses in a row are more than a pause of the garbage collector. */
  heartbeatMs: 15_000,
  heartbeatLostMs: 60_000,
  /** Time from launch to claim: cold start of a Lambda image, of a Fargate task with image pull, of a GPU instance. */
  launchDeadlineMs: { embedded: 30_000, lambda: 60_000, "fargate-spot": 300_000, fargate: 300_000, gpu: 600_000 },
  /** A queued job without any reason to wait is sent again after this: its message was lost in a crash. */
  resendAfterMs: 120_000,
  /** A pass is a function of 29 s, and each job a few calls of 10 ms: one after the other a rush would take hours. */
  reconcileAtOnce: 16,
  /** A job that nobody could start within a day is ended: its caller has long given up. */
  queuedMs: 24 * 3_600_000,
  /** A function ends at 15 minutes and has 10 GB of disk: a third of the time is kept free, and ten times the input. */
  lambdaLane: { expectedSeconds: 300, inputBytes: 500 * 1024 ** 2 },
  /** The most that Lambda has: a short job is done soonest with it, and pays for seconds only. */
  workerFunction: { memoryMib: 10_240, diskMib: 10_240 },
  /**
   * What a task gets: pairs that Fargate knows, and scratch for the inputs (below 2, 8, 20 GB), their decoded
   * intermediates and the outputs. CPU units (1,024 are a processor), MiB, GiB.
   */
  taskSizes: {
    S: { cpu: 1_024, memoryMib: 2_048, scratchGib: 30 },
    M: { cpu: 2_048, memoryMib: 8_192, scratchGib: 80 },
    L: { cpu: 4_096, memoryMib: 16_384, scratchGib: 150 },
    XL: { cpu: 8_192, memoryMib: 32_768, scratchGib: 200 },
  },
  maxAttempts: 3,
  /** Orderly hand-backs (SIGTERM, Spot) do not use up attempts, but they too must end. */
  maxHandBacks: 10,
  /** Backoff of launches without capacity: first wait and ceiling; a Spot drought lasts minutes, not seconds. */
  launchBackoffMs: { first: 5_000, ceiling: 300_000 },
  /** Longest processing that a caller may ask for: a day of audio at half real time. */
  timeoutSeconds: { min: 1, max: 48 * 3_600 },
  presignUploadSeconds: 900,
  presignDownloadSeconds: 3_600,
  requestBodyBytes: 256 * 1024,
  /** The single message of a queue may carry this much (SQS: 256 KiB). */
  messageBytes: 256 * 1024,
  singlePutBytes: 100 * 1024 ** 2,
  inputBytes: 20 * 1024 ** 3,
  inputDurationSeconds: 24 * 3_600,
  inputsPerJob: 1_000,
  streamsPerInput: 32,
  channels: 8,
  sampleRateHz: { min: 4_000, max: 384_000 },
  /** 8K UHD. */
  pixels: 7_680 * 4_320,
  outputBytes: 40 * 1024 ** 3,
  /** Report, warnings and steps in a job's document: with the largest request it stays under DynamoDB's 400 kB. */
  reportBytes: 64 * 1024,
  metadataEntries: 32,
  metadataValueLength: 1_024,
  stderrTailBytes: 4_096,
  /** SIGTERM to SIGKILL of a child: ffmpeg closes its files within a second. */
  processGraceMs: 2_000,
  /** What a runner keeps of a child's stdout: a probe of a file with 32 streams and 1,000 chapters is under 1 MB. */
  processStdoutBytes: 16 * 1024 ** 2,
  /** Bounds of one child process; each stops a runaway, none comes near what an honest job needs. */
  childProcess: {
    /** A day of audio takes about ten minutes of CPU to clean; a day of video must be asked for. */
    cpuSeconds: 12 * 3_600,
    /** The largest output, plus the larger 32-bit float intermediates of a day of 8-channel audio. */
    fileBytes: 160 * 1024 ** 3,
    /** ffmpeg maps 200 libraries, and 64 MB of arena and 8 MB of stack a thread: 64 threads reserve 5 GB, use 0.2. */
    addressSpaceBytes: 16 * 1024 ** 3,
    openFiles: 1_024,
  },
  idempotencyMs: 24 * 3_600_000,
  cacheEntryMs: 7 * 24 * 3_600_000,
  outputsMs: 30 * 24 * 3_600_000,
  deadLetterMs: 14 * 24 * 3_600_000,
  /** What the change feed keeps after its readers have read it, for one who wants to look back. */
  eventMs: 7 * 24 * 3_600_000,
  /** A webhook's delivery is tried for three days; after a month nobody sends it once more. */
  deliveryMs: 30 * 24 * 3_600_000,
  /** An item outlives its outputs by this, so that a caller can still read what happened. */
  itemAfterExpiryMs: 90 * 24 * 3_600_000,
  maxReceiveCount: 5,
  listPageSize: { default: 50, max: 200 },
} as const;
