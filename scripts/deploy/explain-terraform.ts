import { MixdownError } from "../../core/errors.ts";

export interface TerraformFailure {
  readonly binary: string;
  /** What it was to do: `plan network`. */
  readonly what: string;
  /** Everything that it said. */
  readonly said: string;
  readonly folder: string;
  readonly logFile: string;
}

const longest = 600;

/** One sentence of what Terraform said, with what to do. Pure. */
export function explainTerraform({ binary, what, said, folder, logFile }: TerraformFailure): MixdownError {
  const text = said.replaceAll(/[│╷╵]/g, " ").replaceAll(/[ \t]+/g, " ");
  const build = (code: "auth_invalid" | "usage_invalid" | "platform_deploy_failed", sentence: string): MixdownError =>
    new MixdownError(code, { message: sentence, stderrTail: text.trim().slice(-4_000) });
  if (/Error acquiring the state lock/.test(text)) {
    const id = /ID: *(\S+)/.exec(text)?.[1] ?? "ID";
    return build(
      "platform_deploy_failed",
      `The state is locked, so ${binary} could not ${what}; if nobody else is deploying, take the lock of a killed run away with \`${binary} -chdir=${folder} force-unlock ${id}\`, then run the same command again.`,
    );
  }
  if (/Backend configuration changed/.test(text)) {
    return build(
      "usage_invalid",
      `The state was kept elsewhere before, so ${binary} did not ${what}; move it with \`${binary} -chdir=${folder} init -migrate-state\` (docs/remote-state.md), or set MIXDOWN_STATE_BUCKET back.`,
    );
  }
  if (
    /ExpiredToken|security token included in the request is (expired|invalid)|No valid credential sources/.test(text)
  ) {
    return build(
      "auth_invalid",
      `The credentials of AWS ran out before ${binary} could ${what}; sign in again and run the same command, which goes on from there.`,
    );
  }
  return build(
    "platform_deploy_failed",
    `${binary} could not ${what}: ${readFault(text)} Correct that and run the same command, which goes on from there (all that was said: ${logFile}).`,
  );
}

/** The first error, in one line that ends like a sentence. */
function readFault(text: string): string {
  const [, block] = /Error: ([\s\S]*?)(?=\n *Error: |$)/.exec(text) ?? [];
  const line = (block ?? text.slice(-longest)).replaceAll(/\s+/g, " ").trim();
  const cut = line.length > longest ? `${line.slice(0, longest)} …` : line;
  return /[.!?…]$/.test(cut) ? cut : `${cut}.`;
}
