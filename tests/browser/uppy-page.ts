import AwsS3 from "@uppy/aws-s3";
import Uppy from "@uppy/core";

// Runs in the browser: Uppy and its S3 plugin as they come, nothing of ours between them and the server.

const megabyte = 1024 ** 2;

/** `megabytes` of bytes that tell where they stand; the test makes the same. */
function makeFile(megabytes: number): File {
  const pieces = Array.from({ length: megabytes }, (_, index) => {
    const piece = new Uint8Array(megabyte).fill(index % 251);
    new DataView(piece.buffer).setUint32(0, index);
    return piece;
  });
  return new File(pieces, `${megabytes} MB ü.wav`, { type: "audio/wav" });
}

interface Outcome {
  readonly key: string;
  readonly failures: number;
  readonly partsByUppy: number;
}

/** Uploads, and comes back by `retryAll` whenever the upload breaks, as Uppy's own retry button does. */
async function upload(endpoint: string, megabytes: number): Promise<Outcome> {
  const uppy = new Uppy().use(AwsS3, { companionEndpoint: endpoint });
  let partsByUppy = 0;
  let failures = 0;
  uppy.on("s3-multipart:part-uploaded", () => {
    partsByUppy += 1;
  });
  const file = makeFile(megabytes);
  uppy.addFile({ name: file.name, type: file.type, data: file });
  let result = await uppy.upload();
  while (result?.successful?.length !== 1) {
    failures += 1;
    if (failures > 60) throw new Error(`the upload never came through: ${result?.failed?.[0]?.error}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    result = await uppy.retryAll();
  }
  const [done] = result.successful;
  return { key: String(done?.response?.body?.key), failures, partsByUppy };
}

Object.assign(globalThis, { upload });
