import { spawnSync } from "node:child_process";

/** docker, or buildah without a daemon; the two take the same arguments for what is done here. */
export interface ImageBuilder {
  readonly name: "docker" | "buildah";
  /** @param buildArgs by name. @throws Error with the builder's exit code */
  build(options: {
    readonly file: string;
    readonly context: string;
    readonly tag: string;
    readonly buildArgs: Readonly<Record<string, string>>;
  }): void;
  /** Of the image's content; `undefined` when there is none of that name. */
  findId(image: string): string | undefined;
  /** Takes those away that nothing names or uses any more. */
  discard(ids: readonly string[]): void;
  sizeBytes(image: string): number;
  /** Name and version of each of Debian's packages in the image. */
  listPackages(image: string): readonly { readonly name: string; readonly version: string }[];
}

/** How Docker is to build, whatever its version or the shell says. */
const dockerBuilds: NodeJS.ProcessEnv = {
  // A list with an attestation beside the image is what newer ones make else, and Lambda takes no lists.
  BUILDX_NO_DEFAULT_ATTESTATIONS: "1",
  // Another than the daemon's own builder sees none of the images that ours stand on.
  BUILDX_BUILDER: undefined,
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg-query's own
const dpkgQuery = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n"];

const inspectWithBuildah = ["inspect", "--type=image", "--format", "{{.FromImageID}}"];

export interface ImageBuilderOptions {
  /** buildah's options of its storage, such as `--root DIR`. */
  readonly storage?: readonly string[];
  /** What a build reaches Debian by, such as `host`. @default the builder's own */
  readonly network?: string | undefined;
}

export function createImageBuilder(name: "docker" | "buildah", options: ImageBuilderOptions = {}): ImageBuilder {
  const { storage = [], network } = options;
  const env = { ...process.env, ...(name === "docker" ? dockerBuilds : {}) };
  const call = (...args: readonly string[]) => spawnSync(name, [...storage, ...args], { encoding: "utf8", env });
  const read = (...args: readonly string[]): string => {
    const { status, stdout, stderr, error } = call(...args);
    if (status === 0) return stdout.trim();
    throw new Error(`${name} ${args.join(" ")} failed: ${error?.message ?? stderr.slice(-2_000)}`);
  };
  const packagesOf = (image: string): string => {
    if (name === "docker") {
      const [entrypoint = "", ...args] = dpkgQuery;
      return read("run", "--rm", "--network", "none", "--entrypoint", entrypoint, image, ...args);
    }
    const container = read("from", image);
    try {
      return read("run", "--isolation=chroot", container, "--", ...dpkgQuery);
    } finally {
      read("rm", container);
    }
  };
  return {
    name,
    build({ file, context, tag, buildArgs }) {
      const values = Object.entries(buildArgs).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
      // A layer of last month has last month's Debian in it. buildah keeps none.
      const how = name === "buildah" ? ["--isolation=chroot"] : ["--no-cache"];
      const where = network === undefined ? [] : ["--network", network];
      const args = [...storage, "build", ...how, ...where, "--file", file, "--tag", tag, ...values, context];
      const { status, error } = spawnSync(name, args, { stdio: ["ignore", "inherit", "inherit"], env });
      if (status === 0) return;
      throw new Error(`${name} could not build ${tag} from ${file} (${error?.message ?? `exit code ${status}`}).`);
    },
    findId(image) {
      const inspect = name === "docker" ? ["image", "inspect", "--format", "{{.Id}}"] : inspectWithBuildah;
      const { status, stdout } = call(...inspect, image);
      return status === 0 ? bareId(stdout.trim()) : undefined;
    },
    discard(ids) {
      const nameless = read("images", "--filter", "dangling=true", "--quiet", "--no-trunc").split("\n").map(bareId);
      const remove = name === "docker" ? ["image", "rm"] : ["rmi"];
      for (const id of ids) if (nameless.includes(id)) call(...remove, id);
    },
    sizeBytes: (image) =>
      name === "docker"
        ? Number(read("image", "inspect", "--format", "{{.Size}}", image))
        : ((JSON.parse(read("images", "--json", image)) as { size: string }[]).map(({ size }) => parseSize(size))[0] ??
          0),
    listPackages: (image) =>
      packagesOf(image)
        .split("\n")
        .map((line) => line.split(" "))
        .map(([packageName = "", version = ""]) => ({ name: packageName, version })),
  };
}

const bareId = (id: string): string => id.replace(/^sha256:/, "");

/** As buildah prints it: `512 MB`. */
function parseSize(text: string): number {
  const [, value = "0", unit = "B"] = /^([\d.]+)\s*([kKMGT]?i?B)/.exec(text) ?? [];
  const power = ["B", "KB", "MB", "GB", "TB"].indexOf(unit.toUpperCase().replace("I", ""));
  return Number(value) * 1_000 ** Math.max(0, power);
}
