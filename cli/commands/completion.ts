import { Command } from "commander";
import { MixdownError } from "../../core/errors.ts";
import { commandLoaders } from "../command-table.ts";
import { type DefineCommand, examples, type Session } from "../session.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

export const defineCompletion: DefineCommand = (command, session) => {
  command
    .description("Prints a script that completes commands and flags in your shell.")
    .argument("<SHELL>", shells.join(", "))
    .addHelpText(
      "after",
      examples(
        "mixdown completion bash",
        "source <(mixdown completion bash)",
        "mixdown completion zsh > ~/.zfunc/_mixdown",
        "mixdown completion fish > ~/.config/fish/completions/mixdown.fish",
      ),
    )
    .action(session.action((shell: string) => printCompletion(shell, session)));
};

async function printCompletion(shell: string, session: Session): Promise<number> {
  if (!shells.includes(shell as Shell)) {
    throw new MixdownError("usage_invalid", {
      message: `SHELL is ${JSON.stringify(shell)}; allowed are ${shells.join(", ")}.`,
    });
  }
  const words = await listWords(session);
  session.reporter.print(renderers[shell as Shell](words));
  return 0;
}

/** What may follow each command path ("" is the program itself): subcommands, then flags. */
type Words = ReadonlyMap<string, readonly string[]>;

/** Asked of the very commands, so that no flag can be forgotten here. */
async function listWords(session: Session): Promise<Words> {
  const program = new Command("mixdown");
  for (const [name, load] of Object.entries(commandLoaders)) (await load())(program.command(name), session);
  const words = new Map<string, readonly string[]>();
  const visit = (command: Command, path: string): void => {
    const flags = command.options.flatMap((option) => [option.long, option.short].filter((flag) => flag != null));
    words.set(path, [...command.commands.map((child) => child.name()), ...flags, "--help"]);
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
  };
  visit(program, "");
  return words;
}

const cases = (words: Words, line: (path: string, list: string) => string): string =>
  [...words].map(([path, list]) => line(path, list.join(" "))).join("\n");

const renderers: Record<Shell, (words: Words) => string> = {
  bash: (words) => `_mixdown() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) [[ " \${paths[*]} " == *" \${path:+$path/}$word "* ]] && path="\${path:+$path/}$word" ;; esac
  done
  case "$path" in
${cases(words, (path, list) => `    "${path.replaceAll(" ", "/")}") words="${list}" ;;`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}
paths=(${[...words.keys()]
    .filter((path) => path !== "")
    .map((path) => path.replaceAll(" ", "/"))
    .join(" ")})
complete -o filenames -F _mixdown mixdown`,
  zsh: (words) => `#compdef mixdown
_mixdown() {
  local at="" word
  for word in \${words[2,CURRENT-1]}; do
    [[ $word == -* ]] || case "\${at:+$at }$word" in
${[...words.keys()]
  .filter((path) => path !== "")
  .map((path) => `      "${path}") at="${path}" ;;`)
  .join("\n")}
    esac
  done
  case "$at" in
${cases(words, (path, list) => `    "${path}") compadd -- ${list} ;;`)}
  esac
  _files
}
compdef _mixdown mixdown`,
  fish: (words) =>
    [...words]
      .flatMap(([path, list]) =>
        list.map((word) => {
          const condition =
            path === ""
              ? "__fish_use_subcommand"
              : path
                  .split(" ")
                  .map((part) => `__fish_seen_subcommand_from ${part}`)
                  .join("; and ");
          const what = word.startsWith("--")
            ? `-l ${word.slice(2)}`
            : word.startsWith("-")
              ? `-s ${word.slice(1)}`
              : `-a ${word}`;
          return `complete -c mixdown -n "${condition}" ${what}`;
        }),
      )
      .join("\n"),
};
