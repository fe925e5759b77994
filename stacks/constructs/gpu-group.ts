import { AutoscalingGroup } from "@cdktn/provider-aws/lib/autoscaling-group/index.js";
import { EcsCapacityProvider } from "@cdktn/provider-aws/lib/ecs-capacity-provider/index.js";
import { IamInstanceProfile } from "@cdktn/provider-aws/lib/iam-instance-profile/index.js";
import { LaunchTemplate } from "@cdktn/provider-aws/lib/launch-template/index.js";
import { Fn } from "cdktn";
import type { NetworkStack } from "../network.ts";
import { computeNames } from "./compute-names.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import { createRole } from "./worker-roles.ts";

/** AWS's newest image for GPU tasks, looked up by EC2 at each launch: no plan changes when AWS makes another. */
const gpuImage = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id";
const diskGb = 100;

/** Instances that come when a GPU task waits and go when none does. */
export function createGpuGroup(
  stack: EnvironmentStack,
  network: NetworkStack,
  clusterArn: string,
): EcsCapacityProvider {
  const { gpuInstanceType, gpuMax, gpuTerminationProtection } = stack.environment;
  const names = computeNames(stack);
  const { role } = createRole(stack, {
    what: "gpu-instance",
    description: "ECS's agent on GPU instances",
    service: "ec2.amazonaws.com",
    namesAccount: false,
    statements: [
      {
        sid: "Cluster",
        actions: [
          "ecs:DeregisterContainerInstance",
          "ecs:RegisterContainerInstance",
          "ecs:SubmitContainerStateChange",
          "ecs:SubmitTaskStateChange",
          "ecs:SubmitAttachmentStateChanges",
        ],
        resources: [clusterArn],
      },
      {
        sid: "Agent",
        actions: ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState", "ecs:TagResource"],
        resources: [stack.arnOf("ecs", `container-instance/${names.cluster}/*`)],
      },
      // It asks for its own address, before it knows its cluster; and logs in to the registry.
      { sid: "Anywhere", actions: ["ecs:DiscoverPollEndpoint", "ecr:GetAuthorizationToken"], resources: ["*"] },
    ],
  });
  const profile = new IamInstanceProfile(stack, "gpu-profile", { name: stack.globalNameOf("gpu"), role: role.name });
  const tags = { ...stack.tags, Name: stack.nameOf("gpu"), AmazonECSManaged: "true" };
  const template = new LaunchTemplate(stack, "gpu-template", {
    name: stack.nameOf("gpu"),
    imageId: gpuImage,
    instanceType: gpuInstanceType,
    iamInstanceProfile: { arn: profile.arn },
    vpcSecurityGroupIds: [network.taskGroup.id],
    updateDefaultVersion: true,
    metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
    blockDeviceMappings: [
      {
        deviceName: "/dev/xvda",
        ebs: {
          encrypted: "true",
          volumeType: "gp3",
          volumeSize: diskGb,
          deleteOnTermination: "true",
        },
      },
    ],
    monitoring: { enabled: true },
    userData: Fn.base64encode(
      `#!/bin/bash\necho ECS_CLUSTER=${names.cluster} >> /etc/ecs/ecs.config\necho ECS_ENABLE_GPU_SUPPORT=true >> /etc/ecs/ecs.config\n`,
    ),
    // The provider's default tags stop at the template.
    tagSpecifications: ["instance", "volume"].map((resourceType) => ({ resourceType, tags })),
  });
  const group = new AutoscalingGroup(stack, "gpu-group", {
    name: stack.nameOf("gpu"),
    minSize: 0,
    maxSize: gpuMax,
    vpcZoneIdentifier: network.privateSubnets.map((subnet) => subnet.id),
    launchTemplate: { id: template.id, version: "$Latest" },
    protectFromScaleIn: gpuTerminationProtection,
    tag: Object.entries(tags).map(([key, value]) => ({ key, value, propagateAtLaunch: true })),
    // ECS sets it, all day long.
    lifecycle: { ignoreChanges: ["desired_capacity"] },
  });
  return new EcsCapacityProvider(stack, "gpu", {
    name: names.gpuCapacityProvider,
    autoScalingGroupProvider: {
      autoScalingGroupArn: group.arn,
      managedTerminationProtection: gpuTerminationProtection ? "ENABLED" : "DISABLED",
      managedScaling: { status: "ENABLED", targetCapacity: 100, minimumScalingStepSize: 1, maximumScalingStepSize: 2 },
    },
  });
}
