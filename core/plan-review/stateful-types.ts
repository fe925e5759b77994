/** Resources whose deletion loses something, each with what is lost. */
const losses: Readonly<Record<string, readonly string[]>> = {
  "its objects": ["aws_s3_bucket", "aws_s3_directory_bucket", "aws_s3tables_table_bucket", "aws_glacier_vault"],
  "the object": ["aws_s3_object", "aws_s3_bucket_object", "aws_s3_object_copy", "aws_dynamodb_table_item"],
  "its items": [
    "aws_dynamodb_table",
    "aws_dynamodb_global_table",
    "aws_dynamodb_table_replica",
    "aws_keyspaces_table",
    "aws_simpledb_domain",
    "aws_timestreamwrite_table",
  ],
  "its databases": [
    "aws_db_instance",
    "aws_rds_cluster",
    "aws_rds_cluster_instance",
    "aws_rds_global_cluster",
    "aws_docdb_cluster",
    "aws_neptune_cluster",
    "aws_redshift_cluster",
    "aws_redshiftserverless_namespace",
    "aws_dsql_cluster",
    "aws_lightsail_database",
    "aws_athena_database",
    "aws_memorydb_cluster",
    "aws_elasticache_cluster",
    "aws_elasticache_replication_group",
    "aws_elasticache_serverless_cache",
    "aws_opensearch_domain",
    "aws_elasticsearch_domain",
    "aws_opensearchserverless_collection",
    "aws_qldb_ledger",
    "aws_keyspaces_keyspace",
    "aws_timestreamwrite_database",
    "aws_glue_catalog_database",
    "aws_glue_catalog_table",
  ],
  "its messages": [
    "aws_sqs_queue",
    "aws_kinesis_stream",
    "aws_mq_broker",
    "aws_msk_cluster",
    "aws_msk_serverless_cluster",
    "aws_cloudwatch_event_archive",
  ],
  "its subscriptions": ["aws_sns_topic"],
  "everything encrypted with it": [
    "aws_kms_key",
    "aws_kms_external_key",
    "aws_kms_replica_key",
    "aws_cloudhsm_v2_cluster",
  ],
  "its images": [
    "aws_ecr_repository",
    "aws_ecrpublic_repository",
    "aws_codeartifact_repository",
    "aws_codeartifact_domain",
  ],
  "its logs": ["aws_cloudwatch_log_group", "aws_cloudtrail_event_data_store"],
  "its value": [
    "aws_ssm_parameter",
    "aws_secretsmanager_secret",
    "aws_secretsmanager_secret_version",
    "random_password",
    "random_string",
    "random_id",
    "random_uuid",
    "random_pet",
    "tls_private_key",
    "tls_self_signed_cert",
    "aws_key_pair",
    "aws_acm_certificate",
    "aws_acmpca_certificate_authority",
    "aws_cognito_user_pool_client",
    "aws_lightsail_key_pair",
    "aws_iam_access_key",
  ],
  "its users": [
    "aws_cognito_user_pool",
    "aws_cognito_identity_pool",
    "aws_cognito_user",
    "aws_directory_service_directory",
    "aws_identitystore_user",
    "aws_iam_user",
  ],
  "its files": [
    "aws_efs_file_system",
    "aws_fsx_lustre_file_system",
    "aws_fsx_ontap_file_system",
    "aws_fsx_openzfs_file_system",
    "aws_fsx_windows_file_system",
    "aws_ebs_volume",
    "aws_ebs_snapshot",
    "aws_ami",
    "aws_instance",
    "aws_lightsail_instance",
    "aws_sagemaker_notebook_instance",
    "aws_workspaces_workspace",
    "aws_elastic_beanstalk_environment",
    "aws_transfer_server",
    "aws_codecommit_repository",
  ],
  "its backups": [
    "aws_backup_vault",
    "aws_backup_logically_air_gapped_vault",
    "aws_db_snapshot",
    "aws_db_cluster_snapshot",
  ],
  "its records": ["aws_route53_zone", "aws_service_discovery_private_dns_namespace"],
  "its runs and their history": ["aws_sfn_state_machine"],
  "its address": [
    "aws_eip",
    "aws_apigatewayv2_api",
    "aws_api_gateway_rest_api",
    "aws_cloudfront_distribution",
    "aws_lambda_function_url",
  ],
  "its cluster and what runs in it": ["aws_eks_cluster"],
};

const lossOfType = new Map(
  Object.entries(losses).flatMap(([loss, types]) => types.map((type) => [type, loss] as const)),
);

/** Other providers' types are told by their names: better one too many than a database unseen. */
const statefulName =
  /(bucket|database|_db_|_sql_|sql_server|_table$|_instance$|cosmosdb|bigtable|spanner|firestore|bigquery|storage_account|storage_container|_disk$|_volume|_queue$|_topic$|kms_crypto_key|key_vault|_secret|redis|filestore|file_share|artifact_registry_repository|container_registry|persistent_volume|dns_zone|managed_zone)/;

/** What is lost with a resource of this type; null when it holds nothing. Pure. */
export function lossOf(type: string): string | null {
  const known = lossOfType.get(type);
  if (known !== undefined) return known;
  // AWS is listed above; a name like aws_s3_bucket_policy holds nothing.
  if (/^(aws|awscc|null|terraform|local|time|random|tls)_/.test(type)) return null;
  return statefulName.test(type) && !/(_iam_|_policy|_permission|_binding|_member|_rule$|_access)/.test(type)
    ? "what it holds (judged by its name)"
    : null;
}
