import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { describeIssues } from "../core/describe-issues.ts";
import { MixdownError } from "../core/errors.ts";

/** The flags that choose a platform elsewhere. A key is none of them: a command line is seen by everybody. */
export interface RemoteFlags {
  readonly remote?: string;
  readonly profile?: string;
}

/** A platform that is spoken to over HTTP. */
export interface RemoteTarget {
  /** Without a slash at the end. */
  readonly url: string;
  readonly key: string | undefined;
}

const profilesSchema = z.object({
  profiles: z.record(z.string(), z.object({ url: z.string(), key: z.string().min(1).optional() })),
});

/**
 * The platform that `--remote` or `--profile` names; with `ambient` also MIXDOWN_URL. Null: none is. The key is the
 * profile's own, else MIXDOWN_KEY.
 * @throws MixdownError `usage_invalid`; `input_unreadable` for a file of profiles that others can read
 */
export function readRemoteTarget(
  { remote, profile }: RemoteFlags,
  { ambient }: { readonly ambient: boolean },
  env: NodeJS.ProcessEnv = process.env,
): RemoteTarget | null {
  if (remote !== undefined && profile !== undefined) {
    throw new MixdownError("usage_invalid", {
      message: "--remote and --profile both name a platform; leave one out.",
    });
  }
  const key = env.MIXDOWN_KEY || undefined;
  if (profile !== undefined) {
    const found = readProfile(profile, env);
    return { url: checkUrl(`the url of profile ${profile}`, found.url), key: found.key ?? key };
  }
  if (remote !== undefined) return { url: checkUrl("--remote", remote), key };
  const url = ambient ? env.MIXDOWN_URL || undefined : undefined;
  return url === undefined ? null : { url: checkUrl("MIXDOWN_URL", url), key };
}

function readProfile(
  name: string,
  env: NodeJS.ProcessEnv,
): { readonly url: string; readonly key?: string | undefined } {
  const path = join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "mixdown", "config.json");
  const { profiles } = readProfiles(path);
  const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (found !== undefined) return found;
  throw new MixdownError("usage_invalid", {
    message: `--profile is ${JSON.stringify(name)}; ${path} has ${Object.keys(profiles).join(", ") || "none"}.`,
  });
}

function readProfiles(path: string): z.output<typeof profilesSchema> {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) {
    throw new MixdownError("usage_invalid", {
      message: `--profile is given, and ${path} does not exist; create it as {"profiles": {"NAME": {"url": "https://…", "key": "mxd_…"}}} with mode 600.`,
    });
  }
  // Windows has no such modes.
  if (process.platform !== "win32" && (entry.mode & 0o077) !== 0) {
    throw new MixdownError("input_unreadable", {
      message: `${path} may hold keys and is open to others on this machine; close it with \`chmod 600 ${path}\`.`,
    });
  }
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // The parser's message would quote the text, and keys are in it.
    throw new MixdownError("usage_invalid", { message: `${path} is no JSON that can be read; correct it.` });
  }
  const parsed = profilesSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new MixdownError("usage_invalid", { message: `${path}: ${describeIssues(parsed.error, {})}; correct it.` });
}

function checkUrl(name: string, text: string): string {
  const url = URL.parse(text);
  const isPlain =
    url !== null && /^https?:$/.test(url.protocol) && `${url.username}${url.password}${url.search}` === "";
  if (isPlain) return text.replace(/\/+$/, "");
  // Nothing is echoed that may hold a password.
  throw new MixdownError("usage_invalid", {
    message: `${name} is no plain address; allowed is http:// or https:// with a host, and a key goes into MIXDOWN_KEY.`,
  });
}
