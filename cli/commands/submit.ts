import { tmpdir } from "node:os";
import type { Command } from "commander";
import type { RemoteFlags } from "../../config/remote.ts";
import { MixdownError } from "../../core/errors.ts";
import { type Job, type JobInput, jobIdSchema } from "../../core/job.ts";
import { type KindName, kindNames, kinds } from "../../core/kinds/index.ts";
import { limits } from "../../core/limits.ts";
import { submit } from "../../core/submit.ts";
import {
  addDataFlag,
  noteWhenIdle,
  type OpenStore,
  type StoreOptions,
  startCommand,
  withStore,
} from "../embedded-store.ts";
import { spoolStdin } from "../input-file.ts";
import { addParamFlags, parseNumber, readParams } from "../param-flags.ts";
import { addRemoteFlags, findJobsRemote } from "../remote.ts";
import { addRoleFlags, listInputs } from "../role-flags.ts";
import { createScratch } from "../scratch.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { checkFile, type JobSource, parseSources, uploadFile } from "../upload-input.ts";
import { followJob, reportEnd } from "../watch-job.ts";

interface SubmitOptions extends StoreOptions, RemoteFlags, Record<string, unknown> {
  readonly id?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly wait?: true;
}

export const defineSubmit: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Hands a job to the platform: of KIND, on files here or in its store.")
    .usage("KIND IN... [options]")
    .helpCommand(false)
    .addHelpText(
      "after",
      examples(
        "mixdown submit clean talk.mp3 --wait",
        "mixdown submit stitch intro.wav job:01J…/talk.mp3 outro.wav --gap-ms 500",
        "mixdown submit clean key:raw/local/01J…/talk.mp3 --id talk-7 --metadata show=42",
      ),
    );
  for (const kind of kindNames) defineKind(command.command(kind), kind, session);
};

function defineKind(command: Command, kind: KindName, session: Session): void {
  command.description(kinds[kind].summary).argument("<IN...>", "files here (- is stdin), key:KEY, or job:JOBID/OUTPUT");
  addRoleFlags(command, kind);
  addParamFlags(command, kind);
  command
    .option("--id <ID>", "your own id for the job; the same again returns the same job", parseJobId)
    .option("--metadata <k=v>", "kept with the job and echoed; repeatable", parseMetadata)
    .option("--timeout <s>", "seconds of processing after which the job fails", (text: string) =>
      parseNumber("--timeout", text, { ...limits.timeoutSeconds, unit: "s" }),
    )
    .option("--wait", "wait for the end, and end with the job's exit code");
  addCommonFlags(addRemoteFlags(addDataFlag(command)))
    .addHelpText("after", examples(`mixdown submit ${kind} talk.mp3${kind === "mix" ? " --music bed.mp3" : ""} --wait`))
    .action(session.action((given: string[], options: SubmitOptions) => runSubmit(kind, given, options, session)));
}

async function runSubmit(
  kind: KindName,
  given: readonly string[],
  options: SubmitOptions,
  session: Session,
): Promise<number> {
  const { reporter } = session;
  const params = readParams(kind, options);
  const sources = parseSources(listInputs(kind, given, options));
  for (const source of sources) if (source.type === "file") checkFile(source.file);
  const remote = findJobsRemote(options);
  if (remote !== null) {
    const { id: jobId, metadata, timeout: timeoutSeconds } = options;
    const request = dropUndefined({ kind, params: dropUndefined(params), jobId, metadata, timeoutSeconds });
    const { submitRemote } = await import("../remote-jobs.ts");
    return submitRemote(remote, request, sources, { wait: options.wait === true }, session);
  }
  return withStore(
    options,
    async (store) => {
      const { job, created } = await accept(store, kind, params, sources, options, session.signal);
      if (!created) reporter.note(`Job ${job.jobId} was there already: ${job.status}.`);
      if (options.wait !== true) {
        noteWhenIdle(store, options, reporter);
        reporter.printJson(job);
        reporter.print(job.jobId);
        return 0;
      }
      if (!store.isRunning) {
        throw new MixdownError("platform_unreachable", {
          message: `Job ${job.jobId} is accepted, but no platform runs on ${store.config.dataDir} to wait for. Start it with ${startCommand(options)}, then \`mixdown watch ${job.jobId}\`.`,
        });
      }
      const ended = await followJob(store.platform.jobs, job, session);
      reporter.printJson(ended);
      return reportEnd(ended, reporter);
    },
    { create: true },
  );
}

/** Copies the files in and submits; a request that is refused leaves no copies. */
async function accept(
  { platform, config }: OpenStore,
  kind: KindName,
  params: object,
  sources: readonly JobSource[],
  { id, metadata, timeout }: SubmitOptions,
  signal: AbortSignal,
): Promise<{ job: Job; created: boolean }> {
  const owner = config.defaultOwner;
  const uploaded: string[] = [];
  const scratch = sources.some((source) => source.type === "file" && source.file.path === null)
    ? createScratch(tmpdir())
    : null;
  try {
    const inputs: JobInput[] = [];
    for (const source of sources) {
      signal.throwIfAborted();
      if (source.type === "stored") {
        inputs.push(source.input);
        continue;
      }
      const { name, path } = source.file;
      const local = path ?? (await spoolStdin(process.stdin, scratch?.path ?? "", signal));
      const key = await uploadFile(platform, owner, { name, path: local }, { stable: id !== undefined });
      uploaded.push(key);
      inputs.push({ key, role: source.file.role });
    }
    const request = { kind, inputs, params, jobId: id, metadata, timeoutSeconds: timeout };
    return await submit(platform, dropUndefined(request), { owner });
  } catch (thrown) {
    // With an id of the caller's the copies are named by content, and may be another job's inputs.
    if (id === undefined) for (const key of uploaded) await platform.objects.remove(key);
    throw thrown;
  } finally {
    await scratch?.remove();
  }
}

/** What was not given is left out: JSON has no word for it, and the schemas know it as missing. */
const dropUndefined = <Given extends object>(value: Given) =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [Name in keyof Given]: Exclude<Given[Name], undefined>;
  };

function parseJobId(text: string): string {
  const parsed = jobIdSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new MixdownError("usage_invalid", {
    message: `--id is ${JSON.stringify(text.slice(0, 140))}; allowed are 1 to 128 letters, digits, _ and -.`,
  });
}

function parseMetadata(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at > 0) return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  throw new MixdownError("usage_invalid", { message: `--metadata is ${JSON.stringify(text)}; allowed is name=value.` });
}
