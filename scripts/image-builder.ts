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
  has(image: string): boolean;
  sizeBytes(image: string): number;
  /** Name and version of each of Debian's packages in the image. */
  listPackages(image: string): readonly { readonly name: string; readonly version: string }[];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg-query's own
const dpkgQuery = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n"];

/** @param storage buildah's options of its storage, such as `--root DIR` */
export function createImageBuilder(name: "docker" | "buildah", storage: readonly string[] = []): ImageBuilder {
  const call = (...args: readonly string[]) => spawnSync(name, [...storage, ...args], { encoding: "utf8" });
  const read = (...args: readonly string[]): string => {
    const { status, stdout, stderr, error } = call(...args);
    if (status === 0) return stdout.trim();
    throw new Error(`${name} ${args.join(" ")} failed: ${error?.message ?? stderr.slice(-2_000)}`);
  };
  const packagesOf = (image: string): string => {
    if (name === "docker") return read("run", "--rm", "--entrypoint", dpkgQuery[0] ?? "", image, ...dpkgQuery.slice(1));
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
      const isolation = name === "buildah" ? ["--isolation=chroot"] : [];
      const args = [...storage, "build", ...isolation, "--file", file, "--tag", tag, ...values, context];
      const { status } = spawnSync(name, args, { stdio: ["ignore", "inherit", "inherit"] });
      if (status !== 0) throw new Error(`${name} could not build ${tag} from ${file} (exit code ${status}).`);
    },
    has: (image) => call("inspect", "--type=image", image).status === 0,
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

/** As buildah prints it: `512 MB`. */
function parseSize(text: string): number {
  const [, value = "0", unit = "B"] = /^([\d.]+)\s*([kKMGT]?i?B)/.exec(text) ?? [];
  const power = ["B", "KB", "MB", "GB", "TB"].indexOf(unit.toUpperCase().replace("I", ""));
  return Number(value) * 1_000 ** Math.max(0, power);
}
