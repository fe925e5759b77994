import { MixdownError } from "../../core/errors.ts";

/** What a flag of the form `name=number,name=number` takes. */
export type AmountTable = Readonly<Record<string, { readonly min: number; readonly max: number }>>;

/** @returns the amounts that were named. @throws MixdownError `usage_invalid` */
export function parseAmounts<Table extends AmountTable>(
  flag: string,
  text: string,
  table: Table,
): { [Name in keyof Table]?: number } {
  const amounts: { [Name in keyof Table]?: number } = {};
  for (const entry of text.split(",").filter((part) => part.trim() !== "")) {
    const [name = "", value = ""] = entry.split("=").map((part) => part.trim());
    if (!Object.hasOwn(table, name)) {
      throw invalid(`${flag} names ${JSON.stringify(name)}; allowed are ${Object.keys(table).join(", ")}.`);
    }
    const { min = 0, max = 0 } = table[name] ?? {};
    const amount = /^(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
    if (!(amount >= min && amount <= max)) {
      throw invalid(`${flag} has ${name}=${JSON.stringify(value)}; allowed is a number from ${min} to ${max}.`);
    }
    amounts[name as keyof Table] = amount;
  }
  return amounts;
}

const invalid = (message: string): MixdownError => new MixdownError("usage_invalid", { message });
