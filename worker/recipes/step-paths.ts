import { basename, resolve } from "node:path";

/**
 * A command line with its paths written as placeholders, so that it can be run again elsewhere and names nobody's folder.
 * Paths are replaced in the order given. `out` is also known by its name alone: encoders run in its folder.
 */
export function buildStep(
  argv: readonly string[],
  paths: { readonly [placeholder: string]: string },
): { readonly argv: readonly string[] } {
  const known = Object.entries(paths).map(([placeholder, path]) => [`{${placeholder}}`, path, resolve(path)] as const);
  const [tool = "", ...rest] = argv;
  if (paths.out !== undefined) known.push(["{out}", basename(paths.out), basename(paths.out)]);
  const replaced = rest.map((argument) =>
    known.reduce(
      (text, [placeholder, path, full]) => text.replaceAll(full, placeholder).replaceAll(path, placeholder),
      argument,
    ),
  );
  return { argv: [tool.split("/").at(-1) ?? tool, ...replaced] };
}
