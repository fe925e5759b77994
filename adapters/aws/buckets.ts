import { HeadObjectCommand, type HeadObjectCommandOutput, NotFound, S3Client } from "@aws-sdk/client-s3";
import type { ObjectInfo } from "../../core/ports.ts";

/** The two buckets; not an adapter, but what the adapters on them share. */
export interface Buckets {
  readonly raw: string;
  readonly derived: string;
  /** Made on first use, one for the process. */
  readonly client: () => S3Client;
}

export interface BucketNames {
  readonly raw: string;
  readonly derived: string;
  /** Bucket in the path instead of the host name, for emulators: the SDK reads it from nowhere else. */
  readonly forcePathStyle: boolean;
}

let client: S3Client | undefined;

export function openBuckets({ raw, derived, forcePathStyle }: BucketNames): Buckets {
  return {
    raw,
    derived,
    client: () => {
      client ??= new S3Client({
        forcePathStyle,
        // Else a checksum of the empty body is signed into every presigned URL.
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
        maxAttempts: 5,
        // A connection that stalls counts as broken; a transfer that moves may take as long as it takes.
        requestHandler: { connectionTimeout: 3_000, socketTimeout: 120_000 },
      });
      return client;
    },
  };
}

/** What the platform makes; everything else was brought by somebody and lies with the uploads. */
const derivedRooms = ["outputs/", "cache/"] as const;

const isDerived = (key: string): boolean => derivedRooms.some((room) => key.startsWith(room));

export const bucketOf = (buckets: Buckets, key: string): string => (isDerived(key) ? buckets.derived : buckets.raw);

/** The buckets in which keys that begin with `prefix` may lie. */
export function bucketsOf(buckets: Buckets, prefix: string): readonly string[] {
  if (isDerived(prefix)) return [buckets.derived];
  const also = derivedRooms.some((room) => room.startsWith(prefix));
  return also ? [buckets.raw, buckets.derived] : [buckets.raw];
}

/** Our own reading of a file that was too long for one PUT, of which S3 verifies the parts. */
export const hashMetadata = "sha256";

type Described = Pick<
  HeadObjectCommandOutput,
  "ChecksumSHA256" | "ChecksumType" | "ContentLength" | "ContentType" | "ETag" | "LastModified" | "Metadata"
>;

/** What an answer of S3 says of its object. */
export function describeObject(buckets: Buckets, key: string, answer: Described): ObjectInfo {
  const whole = answer.ChecksumSHA256 !== undefined && !answer.ChecksumSHA256.includes("-");
  const verified = whole ? Buffer.from(answer.ChecksumSHA256 ?? "", "base64").toString("hex") : undefined;
  // Metadata is an uploader's claim, save where nobody but us may write.
  const own = bucketOf(buckets, key) === buckets.derived ? answer.Metadata?.[hashMetadata] : undefined;
  return {
    key,
    sizeBytes: answer.ContentLength ?? 0,
    etag: unquote(answer.ETag),
    contentType: answer.ContentType ?? "application/octet-stream",
    sha256: verified ?? own ?? null,
    modifiedAt: answer.LastModified?.getTime() ?? 0,
  };
}

/** `undefined`: it is not there. Without `s3:ListBucket` S3 answers 403 instead of 404. */
export async function headObject(buckets: Buckets, key: string): Promise<ObjectInfo | undefined> {
  try {
    const command = new HeadObjectCommand({ Bucket: bucketOf(buckets, key), Key: key, ChecksumMode: "ENABLED" });
    return describeObject(buckets, key, await buckets.client().send(command));
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
}

export const unquote = (etag: string | undefined): string => (etag ?? "").replace(/^"|"$/g, "");
