import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AddPermissionCommand,
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import type { FunctionName, Grantee } from "../../../config/function-names.ts";
import { buildZip } from "./zip.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** The bundles as they are deployed. */
export const buildBundles = (): void => {
  execFileSync(process.execPath, [join(root, "scripts/build-functions.ts")], { stdio: "pipe" });
};

/** Says what the environment of a function, or the worker, is to be. */
export type Watch = (
  name: Grantee,
  environment: Readonly<Record<string, string>>,
) => Promise<Readonly<Record<string, string>>>;

/** The real bundles as functions of the emulator. */
export class RigFunctions {
  readonly #lambda = new LambdaClient({});
  readonly #prefix: string;
  readonly #watch: Watch;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #mappings: string[] = [];
  readonly #names: string[] = [];

  constructor(prefix: string, environment: Readonly<Record<string, string>>, watch: Watch) {
    this.#prefix = prefix;
    this.#watch = watch;
    this.#environment = environment;
  }

  nameOf = (name: FunctionName): string => `${this.#prefix}-${name}`;

  /** @returns its ARN */
  async create(name: FunctionName, environment: Readonly<Record<string, string>> = {}): Promise<string> {
    const read = (file: string) => readFileSync(join(root, "dist/functions", name, file));
    const FunctionName = this.nameOf(name);
    const { FunctionArn = "" } = await this.#lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: "arn:aws:iam::000000000000:role/rig",
        Runtime: "nodejs24.x",
        Architectures: ["arm64"],
        Handler: "index.handler",
        MemorySize: 1_024,
        Timeout: 25,
        Environment: { Variables: await this.#watch(name, { ...this.#environment, ...environment }) },
        Code: { ZipFile: buildZip({ "index.mjs": read("index.mjs"), "index.mjs.map": read("index.mjs.map") }) },
      }),
    );
    this.#names.push(FunctionName);
    await waitUntilFunctionActiveV2({ client: this.#lambda, maxWaitTime: 60 }, { FunctionName });
    return FunctionArn;
  }

  async map(name: FunctionName, input: Omit<CreateEventSourceMappingCommandInput, "FunctionName">): Promise<void> {
    const { UUID = "" } = await this.#lambda.send(
      new CreateEventSourceMappingCommand({
        FunctionName: this.nameOf(name),
        BatchSize: 10,
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        ...input,
      }),
    );
    this.#mappings.push(UUID);
  }

  async allow(name: FunctionName, principal: string, sourceArn: string): Promise<void> {
    await this.#lambda.send(
      new AddPermissionCommand({
        FunctionName: this.nameOf(name),
        StatementId: principal.replaceAll(".", "-"),
        Action: "lambda:InvokeFunction",
        Principal: principal,
        SourceArn: sourceArn,
      }),
    );
  }

  /** Calls it and waits. @throws when it failed */
  async call(name: FunctionName, event: unknown): Promise<unknown> {
    const answer = await this.#lambda.send(
      new InvokeCommand({ FunctionName: this.nameOf(name), Payload: Buffer.from(JSON.stringify(event)) }),
    );
    const text = Buffer.from(answer.Payload ?? []).toString();
    if (answer.FunctionError !== undefined) throw new Error(`${name} failed: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async remove(): Promise<void> {
    for (const UUID of this.#mappings) await this.#lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
    for (const FunctionName of this.#names) await this.#lambda.send(new DeleteFunctionCommand({ FunctionName }));
    this.#lambda.destroy();
  }
}
