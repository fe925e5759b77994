import { expect, test } from "vitest";
import { digest, find, listAll, ref, resourcesOf, synth } from "./synth-fixture.ts";

const taskOf = (name: string, id = "task-definition", variables = {}) => {
  const task = find(synth(name, variables).compute, "aws_ecs_task_definition", id);
  const [container] = JSON.parse(String(task.container_definitions));
  return { task, container };
};

test.each(["dev", "test", "prod"])(
  "fails when a worker of %s is root, writes its image, or is killed at once",
  (name) => {
    const { task, container } = taskOf(name);
    expect(task).toMatchObject({
      network_mode: "awsvpc",
      requires_compatibilities: ["FARGATE"],
      runtime_platform: { cpu_architecture: "X86_64", operating_system_family: "LINUX" },
      volume: [{ name: "scratch" }],
    });
    expect(container).toMatchObject({
      user: expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/),
      readonlyRootFilesystem: true,
      stopTimeout: 120,
      linuxParameters: { initProcessEnabled: true },
      mountPoints: [{ sourceVolume: "scratch", containerPath: "/scratch", readOnly: false }],
      image: expect.stringMatching(new RegExp(`@${digest}$`)),
    });
    expect(container).not.toHaveProperty("secrets");
    const environment = new Map<string, string>(
      container.environment.map((one: { name: string; value: string }) => [one.name, one.value]),
    );
    expect(environment.get("MIXDOWN_SCRATCH")).toBe("/scratch");
    // The launcher's two overrides, and nothing that a launch decides.
    expect([...environment.keys()].filter((key) => /JOB_ID|ATTEMPT/.test(key))).toEqual([]);
  },
);

test("fails when arm64 workers are described as x86_64, in either lane", () => {
  const variables = { MIXDOWN_WORKER_ARCHITECTURE: "arm64" };
  expect(taskOf("dev", "task-definition", variables).task).toMatchObject({
    runtime_platform: { cpu_architecture: "ARM64" },
  });
  const worker = resourcesOf(synth("dev", variables).compute, "aws_lambda_function")["worker-function"];
  expect(worker).toMatchObject({ architectures: ["arm64"] });
});

test("fails when a plan without an image passes, or does not say how to push one", () => {
  const without = { MIXDOWN_WORKER_DIGEST: "", MIXDOWN_WORKER_LAMBDA_DIGEST: "" };
  const stacks = synth("dev", without);
  const { lifecycle } = find(stacks.compute, "aws_ecs_task_definition", "task-definition") as {
    lifecycle: { precondition: { condition: string; error_message: string }[] };
  };
  expect(lifecycle.precondition).toEqual([
    {
      condition: ref("length(local.mixdown_worker_digest) > 0"),
      error_message: expect.stringContaining("run `npm run deploy -- --env dev`"),
    },
  ]);
  expect((stacks.compute as { locals?: unknown }).locals).toMatchObject({ mixdown_worker_digest: "" });
  expect(resourcesOf(stacks.jobs, "aws_lambda_event_source_mapping")["queue-mapping"]).toMatchObject({
    enabled: false,
  });
});

test("fails when Lambda tries a job again by itself, keeps a late one, or tells nobody", () => {
  const { compute } = synth("prod");
  expect(resourcesOf(compute, "aws_lambda_function")["worker-function"]).toMatchObject({
    package_type: "Image",
    image_uri: expect.stringMatching(/@sha256:/),
    memory_size: 10_240,
    ephemeral_storage: { size: 10_240 },
    reserved_concurrent_executions: 50,
  });
  expect(resourcesOf(compute, "aws_lambda_function_event_invoke_config")["worker-function-calls"]).toMatchObject({
    maximum_retry_attempts: 0,
    maximum_event_age_in_seconds: 300,
    destination_config: { on_failure: { destination: expect.stringContaining("task-state") } },
  });
  expect(resourcesOf(synth("dev").compute, "aws_lambda_function")["worker-function"]).not.toHaveProperty(
    "reserved_concurrent_executions",
  );
});

test("fails when GPU instances are left open, untagged, or running with nothing to do", () => {
  const { compute } = synth("test");
  const template = resourcesOf(compute, "aws_launch_template")["gpu-template"];
  expect(template).toMatchObject({
    metadata_options: { http_tokens: "required" },
    image_id: expect.stringMatching(/^resolve:ssm:\/aws\/service\/ecs\/optimized-ami\/.*gpu/),
  });
  expect(template?.block_device_mappings).toEqual([
    expect.objectContaining({ ebs: expect.objectContaining({ encrypted: "true" }) }),
  ]);
  expect(template?.tag_specifications).toEqual([
    expect.objectContaining({ resource_type: "instance", tags: expect.objectContaining({ project: "mixdown" }) }),
    expect.objectContaining({ resource_type: "volume" }),
  ]);
  const group = resourcesOf(compute, "aws_autoscaling_group")["gpu-group"];
  expect(group).toMatchObject({
    min_size: 0,
    protect_from_scale_in: true,
    lifecycle: { ignore_changes: ["desired_capacity"] },
    tag: expect.arrayContaining([expect.objectContaining({ key: "AmazonECSManaged", propagate_at_launch: true })]),
  });
  expect(resourcesOf(compute, "aws_ecs_capacity_provider").gpu).toMatchObject({
    auto_scaling_group_provider: { managed_termination_protection: "ENABLED" },
  });
  const off = { MIXDOWN_GPU: "1", MIXDOWN_NAT: "single" };
  const dev = resourcesOf(synth("dev", off).compute, "aws_autoscaling_group")["gpu-group"];
  expect(dev?.protect_from_scale_in).toBe(false);
});

test("fails when a cluster lacks a lane, or has the GPU's without its group", () => {
  const providers = (name: string) =>
    resourcesOf(synth(name).compute, "aws_ecs_cluster_capacity_providers").capacity?.capacity_providers;
  expect(providers("prod")).toEqual(["FARGATE", "FARGATE_SPOT"]);
  expect(providers("test")).toEqual([
    "FARGATE",
    "FARGATE_SPOT",
    expect.stringContaining("aws_ecs_capacity_provider.gpu"),
  ]);
  expect(listAll(synth("prod"), "aws_autoscaling_group")).toEqual([]);
});

test("fails when ECS's news of other clusters reach us, or a stopped task of ours does not", () => {
  const rule = resourcesOf(synth("dev").compute, "aws_cloudwatch_event_rule")["task-state-rule"];
  expect(JSON.parse(String(rule?.event_pattern))).toEqual({
    source: ["aws.ecs"],
    "detail-type": ["ECS Task State Change"],
    detail: { clusterArn: [ref("aws_ecs_cluster.cluster.arn")], lastStatus: ["STOPPED"] },
  });
});

test("fails when an image that is deployed counts among the last ten", () => {
  for (const policy of listAll(synth("test"), "aws_ecr_lifecycle_policy")) {
    const { rules } = JSON.parse(String(policy.policy));
    const [deployed, rest] = rules.sort(
      (a: { rulePriority: number }, b: { rulePriority: number }) => a.rulePriority - b.rulePriority,
    );
    expect(deployed.selection).toMatchObject({ tagStatus: "tagged", tagPrefixList: ["deployed-"] });
    expect(rest.selection).toMatchObject({ tagStatus: "any", countType: "imageCountMoreThan", countNumber: 10 });
  }
  for (const repository of listAll(synth("test"), "aws_ecr_repository")) {
    expect(repository).toMatchObject({
      image_tag_mutability: "IMMUTABLE",
      image_scanning_configuration: { scan_on_push: true },
    });
  }
});

test("fails when functions and workers are told of different ffmpegs: their cache keys would never agree", () => {
  const stacks = synth("test", { MIXDOWN_FFMPEG_MAJOR: "7" });
  const told = listAll(stacks, "aws_lambda_function").map(
    (made) => (made.environment as { variables: Record<string, string> }).variables.MIXDOWN_FFMPEG_MAJOR,
  );
  for (const { container_definitions } of listAll(stacks, "aws_ecs_task_definition")) {
    const [container] = JSON.parse(String(container_definitions));
    told.push(container.environment.find(({ name }: { name: string }) => name === "MIXDOWN_FFMPEG_MAJOR")?.value);
  }
  expect(told.length).toBeGreaterThan(12);
  expect(new Set(told)).toEqual(new Set(["7"]));
});
