import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { createFileObjectStore } from "../../adapters/embedded/object-store.ts";
import { readSecret } from "../../adapters/embedded/secret-file.ts";
import { createTransferHandler } from "../../adapters/embedded/transfers/handler.ts";
import { createMultipartFiles } from "../../adapters/embedded/transfers/multipart-files.ts";
import { createTransferSigner } from "../../adapters/embedded/transfers/signer.ts";
import { startHttpServer } from "../../cli/http-server.ts";
import { transferSignerContract } from "./transfer-signer.ts";

transferSignerContract("embedded", async () => {
  const root = await mkdtemp(join(tmpdir(), "mixdown-transfers-"));
  const scratchDir = join(root, "scratch");
  const objects = createFileObjectStore(join(root, "objects"), { scratchDir });
  const multipart = createMultipartFiles(join(root, "multipart"));
  const shared = { secret: await readSecret(join(root, "key")), objects, multipart, scratchDir, clock: systemClock };
  const api = () => new Response("no API here", { status: 404 });
  const server = await startHttpServer({ host: "127.0.0.1", port: 0, api, transfers: createTransferHandler(shared) });
  return {
    transfers: createTransferSigner({ ...shared, baseUrl: () => `http://127.0.0.1:${server.port}` }),
    objects,
    async put(key, content) {
      const path = join(root, "source");
      await writeFile(path, content);
      await objects.putFile(key, path, "application/octet-stream");
    },
    async close() {
      await server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
});
