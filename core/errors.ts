/**
 * The closed table of everything that can go wrong. A code decides, once and for every edge, the HTTP status, the
 * CLI's exit code, whether trying again can help, and the remedy that is shown when the thrower gives none.
 */
interface ErrorSpec {
  readonly title: string;
  readonly http: number;
  /** 1 job failed, 2 usage, 3 input, 4 auth, 5 not reachable, 124 timeout, 130 interrupted. */
  readonly exit: number;
  readonly source: "user" | "platform";
  readonly retryable: boolean;
  readonly hint: string;
}

const user = (title: string, http: number, exit: number, hint: string): ErrorSpec => ({
  title,
  http,
  exit,
  source: "user",
  retryable: false,
  hint,
});
const platform = (title: string, http: number, exit: number, retryable: boolean, hint: string): ErrorSpec => ({
  title,
  http,
  exit,
  source: "platform",
  retryable,
  hint,
});

export const errorTable = {
  usage_invalid: user("Invalid request", 400, 2, "Correct the value that is named and try again."),
  usage_unknown_kind: user("Unknown kind", 400, 2, "Use one of the kinds that are listed."),
  usage_invalid_message: user("Invalid message", 400, 2, "Send one of the three accepted message shapes."),
  usage_output_is_input: user("Output is the input", 400, 2, "Name another output file."),
  usage_output_folder_missing: user("Output folder missing", 400, 2, "Create the folder first."),
  usage_remote_input: user("Remote input", 400, 2, "Download the file first and give its local path."),
  usage_store_locked: user("Store in use", 409, 2, "Stop the other one, or give another --data folder."),
  usage_port_taken: user("Port taken", 409, 2, "Stop what listens there, or give another --port."),
  usage_job_not_found: user("Job not found", 404, 2, "Check the id with `mixdown jobs`."),
  usage_not_retryable: user("Not retryable", 409, 2, "Only a failed or canceled job can be retried."),
  usage_not_cancelable: user("Not cancelable", 409, 2, "The job has already ended."),
  usage_output_not_found: user("Output not found", 404, 2, "Use one of the output names of the job."),
  usage_not_found: user("No such resource", 404, 2, "`/openapi.json` lists what there is."),
  usage_content_type: user("Unsupported content type", 415, 2, "Send application/json."),
  usage_cross_site: user("Cross-site request refused", 403, 4, "Call from this machine's own pages, or with a key."),
  upload_not_found: user("No such upload", 404, 2, "Begin a new upload."),
  upload_mismatch: user("Upload differs", 422, 3, "Upload exactly the file that was announced."),
  output_expired: user("Output expired", 410, 1, "Retry the job to make it again."),
  idempotency_mismatch: user("Id used for another request", 422, 2, "Use a new id for a new request."),
  invalid_cursor: user("Invalid cursor", 400, 2, "Start again from the first page."),
  input_not_found: user("Input not found", 404, 3, "Check the path or key."),
  input_unreadable: user("Input not readable", 422, 3, "Check the file's permissions."),
  input_empty: user("Input is empty", 422, 3, "Give a file that has content."),
  input_not_media: user("Not a media file", 422, 3, "Give an audio or video file."),
  input_not_plan: user("Not a plan", 422, 3, "Give what `terraform show -json PLANFILE` writes."),
  input_format_refused: user("Format refused", 422, 3, "Give an audio or video file itself, not a playlist or script."),
  input_no_audio: user("No audio", 422, 3, "Give a file with at least one audio stream."),
  input_truncated: user("Input is truncated", 422, 3, "Export or upload the file again."),
  input_corrupt: user("Input cannot be decoded", 422, 3, "Export or upload the file again."),
  input_changed: user("Input has changed", 409, 3, "Submit a new job for the new content."),
  input_job_failed: user("Input job did not succeed", 422, 3, "Retry that job first, then this one."),
  input_range: user("Range beyond the end", 422, 3, "Choose times inside the file."),
  input_output_unwritable: user("Output not writable", 422, 3, "Choose a folder that you may write to."),
  limit_input_size: user("Input too large", 413, 3, "Split the file first."),
  limit_duration: user("Input too long", 422, 3, "Split the file first."),
  limit_streams: user("Too many streams", 422, 3, "Keep the streams that are needed."),
  limit_channels: user("Too many channels", 422, 3, "Mix the file down to 8 channels or fewer first."),
  limit_sample_rate: user("Sample rate out of range", 422, 3, "Resample the file first."),
  limit_pixels: user("Picture too large", 422, 3, "Scale the video down first."),
  limit_output_size: user("Output too large", 422, 3, "Choose a lower bit rate or split the input."),
  limit_inputs: user("Too many inputs", 400, 2, "Split the work into several jobs."),
  limit_body: user("Request body too large", 413, 2, "Send less; files go by upload URL."),
  limit_rate: user("Too many requests", 429, 5, "Wait as long as Retry-After says."),
  limit_timeout: user("Time limit reached", 504, 124, "Split the input or raise timeoutSeconds."),
  limit_resources: user("Processing limit reached", 422, 3, "Split the input; it needs more than a job may use."),
  quality_out_of_bounds: user("Quality bound not met", 422, 1, "Choose a reachable target or leave `strict` off."),
  auth_missing: user("No credential", 401, 4, "Send a key."),
  auth_invalid: user("Credential not accepted", 401, 4, "Check the key, its expiry, or sign in again."),
  auth_forbidden: user("Not allowed", 403, 4, "Use a key with the scope that is named."),
  capacity_unavailable: platform("No capacity", 503, 5, true, "It is tried again by itself."),
  capacity_throttled: platform("Throttled", 503, 5, true, "It is tried again by itself."),
  platform_unreachable: platform("Not reachable", 502, 5, true, "Start the platform or check the address."),
  platform_ffmpeg_missing: platform("No ffmpeg", 500, 5, false, "Install ffmpeg 5 or newer, or set FFMPEG_PATH."),
  platform_tool_missing: platform("Tool missing", 500, 5, false, "Install the tool that is named."),
  platform_ffmpeg_failed: platform("Processing failed", 500, 1, true, "Try again; `mixdown doctor` checks the tools."),
  platform_disk_full: platform("Disk full", 507, 1, true, "Free some space and try again."),
  platform_launch_failed: platform("Launch failed", 500, 1, false, "Correct the configuration that is named."),
  platform_launch_deadline: platform("Launch deadline missed", 504, 1, true, "It is tried again by itself."),
  platform_deploy_failed: platform(
    "Deployment stopped",
    500,
    1,
    true,
    "Correct what is named; the same command goes on.",
  ),
  platform_worker_lost: platform("Worker lost", 500, 1, true, "It is tried again by itself."),
  platform_interrupted: platform("Interrupted", 503, 130, true, "Run it again."),
  platform_internal: platform("Internal error", 500, 1, true, "Try again; if it stays, report it with the detail."),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorTable;

export interface MixdownErrorOptions {
  /** One sentence: what, the value received, what is allowed, the remedy. */
  readonly message: string;
  /** @default the table's */
  readonly hint?: string;
  /** @default the table's */
  readonly retryable?: boolean;
  /** The last lines that a tool wrote, bounded; for the operator. */
  readonly stderrTail?: string;
  readonly cause?: unknown;
}

/** The shape of a failure as it stands in a job, a report and a problem document. */
export interface ErrorDocument {
  code: ErrorCode;
  title: string;
  detail: string;
  retryable: boolean;
  hint: string;
  stderrTail?: string | undefined;
}

/** The one error that the product throws on purpose. Anything else that surfaces is a `platform_internal`. */
export class MixdownError extends Error {
  override readonly name = "MixdownError";
  readonly code: ErrorCode;
  readonly source: "user" | "platform";
  readonly retryable: boolean;
  readonly hint: string;
  readonly stderrTail: string | undefined;

  constructor(code: ErrorCode, options: MixdownErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    const spec: ErrorSpec = errorTable[code];
    this.code = code;
    this.source = spec.source;
    this.retryable = options.retryable ?? spec.retryable;
    this.hint = options.hint ?? spec.hint;
    this.stderrTail = options.stderrTail;
  }

  toDocument(): ErrorDocument {
    return {
      code: this.code,
      title: errorTable[this.code].title,
      detail: this.message,
      retryable: this.retryable,
      hint: this.hint,
      ...(this.stderrTail === undefined ? {} : { stderrTail: this.stderrTail }),
    };
  }

  static fromDocument(document: ErrorDocument): MixdownError {
    return new MixdownError(document.code, {
      message: document.detail,
      hint: document.hint,
      retryable: document.retryable,
      ...(document.stderrTail === undefined ? {} : { stderrTail: document.stderrTail }),
    });
  }

  /** Wraps whatever was thrown; a `MixdownError` passes through. */
  static from(thrown: unknown): MixdownError {
    if (thrown instanceof MixdownError) return thrown;
    const code = (thrown as { code?: unknown } | null)?.code;
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    if (code === "ENOSPC" || code === "EDQUOT") {
      return new MixdownError("platform_disk_full", { message: `The disk is full: ${detail}.`, cause: thrown });
    }
    return new MixdownError("platform_internal", { message: detail, cause: thrown });
  }
}

export const exitCodeOf = (code: ErrorCode): number => errorTable[code].exit;
export const httpStatusOf = (code: ErrorCode): number => errorTable[code].http;
