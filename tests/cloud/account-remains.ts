import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ECSClient, ListClustersCommand } from "@aws-sdk/client-ecs";
import { EventBridgeClient, ListEventBusesCommand, ListRulesCommand } from "@aws-sdk/client-eventbridge";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DescribeParametersCommand, SSMClient } from "@aws-sdk/client-ssm";

/** What the emulator still holds of an environment, by name. */
export async function listRemains(environment: string, endpoint: string): Promise<readonly string[]> {
  const config = {
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    forcePathStyle: true,
  };
  const [tables, clusters, buses, rules, functions, buckets, queues, parameters] = await Promise.all([
    new DynamoDBClient(config).send(new ListTablesCommand({})),
    new ECSClient(config).send(new ListClustersCommand({})),
    new EventBridgeClient(config).send(new ListEventBusesCommand({})),
    new EventBridgeClient(config).send(new ListRulesCommand({})),
    new LambdaClient(config).send(new ListFunctionsCommand({})),
    new S3Client(config).send(new ListBucketsCommand({})),
    new SQSClient(config).send(new ListQueuesCommand({})),
    new SSMClient(config).send(new DescribeParametersCommand({})),
  ]);
  const names = [
    ...(tables.TableNames ?? []),
    ...(clusters.clusterArns ?? []),
    ...(buses.EventBuses ?? []).map(({ Name }) => Name),
    ...(rules.Rules ?? []).map(({ Name }) => Name),
    ...(functions.Functions ?? []).map(({ FunctionName }) => FunctionName),
    ...(buckets.Buckets ?? []).map(({ Name }) => Name),
    ...(queues.QueueUrls ?? []),
    ...(parameters.Parameters ?? []).map(({ Name }) => Name),
  ];
  const ours = new RegExp(`mixdown[-/]${environment}[-/]`);
  return names.flatMap((name) => (name !== undefined && ours.test(name) ? [name] : []));
}
