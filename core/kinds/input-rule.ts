import { MixdownError } from "../errors.ts";
import { type KindName, kinds } from "./index.ts";

/** Whether a kind takes these inputs, by number and by role. @throws MixdownError `usage_invalid`, `limit_inputs` */
export function checkInputRule(kind: KindName, inputs: readonly { readonly role?: string | undefined }[]): void {
  const rule = kinds[kind].inputs;
  const count = inputs.length;
  if (count > rule.max && rule.max > 1) {
    throw new MixdownError("limit_inputs", {
      message: `${kind} takes at most ${rule.max} inputs (received ${count}); split the work into several jobs.`,
    });
  }
  if (count < rule.min || count > rule.max) {
    throw new MixdownError("usage_invalid", {
      message: `inputs: ${kind} takes ${describeCount(rule)} (received ${count}).`,
    });
  }
  checkRoles(kind, inputs);
}

function checkRoles(kind: KindName, inputs: readonly { readonly role?: string | undefined }[]): void {
  const { roles } = kinds[kind].inputs;
  const allowed = roles.length === 0 ? "none" : roles.map(({ name }) => name).join(", ");
  for (const [index, { role }] of inputs.entries()) {
    if (role === undefined && roles.length > 0) {
      throw new MixdownError("usage_invalid", {
        message: `inputs.${index}.role is missing; ${kind} needs one of these roles: ${allowed}.`,
      });
    }
    if (role !== undefined && !roles.some(({ name }) => name === role)) {
      throw new MixdownError("usage_invalid", {
        message: `inputs.${index}.role is ${JSON.stringify(role)}; ${kind} knows these roles: ${allowed}.`,
      });
    }
  }
  for (const rule of roles) {
    const count = inputs.filter(({ role }) => role === rule.name).length;
    if (count >= rule.min && count <= rule.max) continue;
    throw new MixdownError("usage_invalid", {
      message: `inputs: ${kind} takes ${describeCount(rule)} with the role ${rule.name} (received ${count}).`,
    });
  }
}

const describeCount = ({ min, max }: { readonly min: number; readonly max: number }): string =>
  min === max ? `exactly ${min}` : `${min} to ${max}`;
