import { CloudwatchEventArchive } from "@cdktn/provider-aws/lib/cloudwatch-event-archive/index.js";
import { CloudwatchEventBus } from "@cdktn/provider-aws/lib/cloudwatch-event-bus/index.js";
import type { SqsQueue } from "@cdktn/provider-aws/lib/sqs-queue/index.js";
import { TerraformOutput } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../config/environments.ts";
import type { FunctionName } from "../config/function-names.ts";
import { permissionsOf } from "../config/permissions.ts";
import { limits } from "../core/limits.ts";
import { createDeliverySchedules, type DeliverySchedules } from "./constructs/delivery-schedules.ts";
import { EnvironmentStack } from "./constructs/environment-stack.ts";
import { createEventRoute } from "./constructs/event-route.ts";
import { FifoQueue } from "./constructs/fifo-queue.ts";
import { type Bindings, buildGrants } from "./constructs/grants.ts";
import { buildLaunchEnvironment, buildPlatformEnvironment } from "./constructs/platform-environment.ts";
import { PlatformFunction } from "./constructs/platform-function.ts";
import type { PolicyStatement } from "./constructs/policy-document.ts";
import { createQueueMapping, createStreamMapping, readQueue, readStream, sendTo } from "./constructs/triggers.ts";
import { createUndeliveredQueue } from "./constructs/undelivered-queue.ts";
import { createUploadTrigger } from "./constructs/upload-trigger.ts";
import type { NetworkStack } from "./network.ts";
import { bindStorage, type StorageStack } from "./storage.ts";

/** What our own events call their sender. */
const eventSource = "mixdown";
const invokerTimeoutSeconds = 25;

export interface JobsStackProps {
  readonly environment: Environment;
  readonly network: NetworkStack;
  readonly storage: StorageStack;
  /** Folder of the functions' bundles. */
  readonly bundles: string;
}

/** The way of a job: queue, what reads it, what settles it, and the bus that tells of it. */
export class JobsStack extends EnvironmentStack {
  readonly queue: FifoQueue;
  readonly bus: CloudwatchEventBus;
  /** What rules and asynchronous calls could not deliver. */
  readonly undelivered: SqsQueue;
  readonly functions: ReadonlyMap<FunctionName, PlatformFunction>;
  /** What this stack and storage's resources are for the functions' permissions. */
  readonly bindings: Bindings;
  readonly #functions = new Map<FunctionName, PlatformFunction>();
  /** Deliveries of webhooks that are due later. */
  readonly schedules: DeliverySchedules;
  readonly #props: JobsStackProps;

  constructor(scope: Construct, props: JobsStackProps) {
    super(scope, "jobs", props.environment);
    this.#props = props;
    const { environment, storage, network } = props;
    const keyArn = storage.key?.arn;
    this.queue = new FifoQueue(this, "queue", {
      name: this.nameOf("jobs"),
      keyArn,
      consumerTimeoutSeconds: invokerTimeoutSeconds,
    });
    this.undelivered = createUndeliveredQueue(this, keyArn);
    this.bus = new CloudwatchEventBus(this, "bus", { name: this.nameOf("bus") });
    new CloudwatchEventArchive(this, "archive", {
      name: this.nameOf("bus"),
      description: "Events to be replayed",
      eventSourceArn: this.bus.arn,
      retentionDays: limits.deadLetterMs / 86_400_000,
    });
    this.schedules = createDeliverySchedules(this, this.nameOf("webhooks"));
    this.bindings = {
      ...bindStorage(storage, this),
      queue: [this.queue.queue.arn],
      "dead-letter-queue": [this.queue.deadLetters.arn],
      bus: [this.bus.arn],
      schedules: [this.schedules.schedulesArn],
      "scheduler-role": [this.schedules.role.arn],
      any: ["*"],
    };
    this.functions = this.#functions;
    const launch = buildLaunchEnvironment(this, network);

    const invoker = this.#createFunction("invoker", "Starts the worker of each message", launch, [
      readQueue(this.queue.queue.arn),
    ]);
    createQueueMapping(this, "queue-mapping", {
      queue: this.queue.queue,
      target: invoker,
      maximumConcurrency: environment.queueConcurrency,
      // Nothing is taken off the queue before there is an image to run.
      enabled: environment.workerDigest !== "",
    });
    const deadLetters = this.#createFunction("dead-letters", "Keeps dead letters and settles their jobs", {}, [
      readQueue(this.queue.deadLetters.arn),
    ]);
    createQueueMapping(this, "dead-letter-mapping", {
      queue: this.queue.deadLetters,
      target: deadLetters,
      maximumConcurrency: 2,
      enabled: true,
    });
    // Its rule stands beside the cluster whose tasks it hears of.
    this.#createFunction("task-state", "Settles tasks that stopped", {}, []);
    const reconciler = this.#createFunction("reconciler", "Looks after jobs that nobody looks after", launch, []);
    createEventRoute(this, {
      id: "reconcile",
      description: "Every five minutes",
      when: { schedule: "rate(5 minutes)" },
      target: reconciler.function,
      undelivered: this.undelivered,
    });
    this.#createTellers();
    if (environment.uploadTrigger) {
      const uploads = this.#createFunction("uploads", "Makes a job of each file dropped", {}, [
        sendTo(this.undelivered.arn),
      ]);
      createUploadTrigger(this, { bucket: storage.raw, target: uploads, undelivered: this.undelivered });
    }
    new TerraformOutput(this, "queue_url", { value: this.queue.queue.url, staticId: true });
    new TerraformOutput(this, "dead_letter_queue_url", { value: this.queue.deadLetters.url, staticId: true });
    new TerraformOutput(this, "bus_name", { value: this.bus.name, staticId: true });
  }

  /** Stream to bus, bus to the world. */
  #createTellers(): void {
    const { environment, storage } = this.#props;
    const events = this.#createFunction("events", "Puts what the table tells on the bus", {}, [
      readStream(storage.table),
      sendTo(this.undelivered.arn),
    ]);
    createStreamMapping(this, "outbox", { table: storage.table, target: events, undelivered: this.undelivered });
    const jobEvents = { pattern: { source: [eventSource], "detail-type": [{ prefix: "job." }] } };
    const webhooks = this.#createFunction("webhooks", "Sends webhooks", this.schedules.environment, []);
    this.schedules.allow(webhooks.function);
    createEventRoute(this, {
      id: "webhooks",
      description: "What happened to jobs, to those who asked to be told",
      bus: this.bus.name,
      when: jobEvents,
      target: webhooks.function,
      undelivered: this.undelivered,
    });
    if (!environment.statusTable) return;
    const status = this.#createFunction("status", "Writes the status table over PostgREST", {}, []);
    createEventRoute(this, {
      id: "status",
      description: "What happened to jobs, to the status table",
      bus: this.bus.name,
      when: jobEvents,
      target: status.function,
      undelivered: this.undelivered,
    });
  }

  #createFunction(
    name: FunctionName,
    description: string,
    more: Readonly<Record<string, string>>,
    triggers: readonly PolicyStatement[],
  ): PlatformFunction {
    const { storage, bundles } = this.#props;
    const made = new PlatformFunction(this, {
      name,
      bundles,
      description,
      timeout: invokerTimeoutSeconds,
      environment: { ...buildPlatformEnvironment(this, storage, this), ...more },
      statements: buildGrants(permissionsOf(name), this.bindings, storage.key, triggers),
      key: storage.key,
    });
    this.#functions.set(name, made);
    return made;
  }
}
