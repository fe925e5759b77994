/** What a front end or an older one needs, by the name of the variable. */
const variables = {
  MIXDOWN_URL: "api_url",
  MIXDOWN_STREAM_URL: "stream_url",
  MIXDOWN_QUEUE_URL: "queue_url",
  MIXDOWN_RAW_BUCKET: "raw_bucket_name",
  MIXDOWN_DERIVED_BUCKET: "derived_bucket_name",
  MIXDOWN_TABLE: "table_name",
  MIXDOWN_TASK_ROLE: "task_role_name",
  MIXDOWN_PRESIGN_ROLE: "presign_role_name",
} as const;

/** Lines for a .env file. No value is secret. Pure. */
export const formatFrontEndLines = (region: string, outputs: Readonly<Record<string, string>>): string =>
  [
    `AWS_REGION=${region}`,
    ...Object.entries(variables).flatMap(([variable, output]) => {
      const value = outputs[output];
      return value === undefined ? [] : [`${variable}=${value}`];
    }),
  ].join("\n");
