import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createPetrelAgent } from "../../../../agent/commands-cli.ts";
import { createPetrel } from "../../../../hub/cli/nouns-cli.ts";
import { systemIo } from "../../../../shared/cli/system-io-cli.ts";

interface Found {
  readonly words: readonly string[];
  readonly command: Command;
}

/** The command and all below it, with the words that lead to each. */
function all(command: Command, words: readonly string[]): readonly Found[] {
  const inner = command.commands.flatMap((child) => all(child, [...words, child.name()]));
  return [{ words, command }, ...inner];
}

/** Nouns and verbs alike: whoever asks `petrel rule --help` wants to see one too. */
const belowTheProgram = ({ words }: Found) => words.length > 1;

/** What `--help` prints, texts after the options included. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

const io = systemIo();
const petrel = createPetrel(io);
await petrel.loadAll();
const commands = [petrel as Command, createPetrelAgent(io)]
  .flatMap((program) => all(program, [program.name()]))
  .filter(belowTheProgram)
  .map(({ words, command }) => ({ line: words.join(" "), command }));

describe("every command", () => {
  test("that the design names is there", () => {
    const lines = commands.map(({ line }) => line);
    const verbs: Readonly<Record<string, string>> = {
      rule: "list get create update delete enable disable test",
      "rule-enforcement": "list get",
      trigger: "list get",
      "trigger-instance": "list get re-emit",
      execution: "list get cancel",
      sensor: "list",
      action: "list get",
      agent: "list get label",
      pack: "create check register list get config remove",
      "dead-letter": "list get retry drop",
      hub: "status",
    };
    const wanted = Object.entries(verbs).flatMap(([noun, list]) =>
      list.split(" ").map((verb) => `petrel ${noun} ${verb}`),
    );
    const alone = ["petrel hub", "petrel run", "petrel version", "petrel-agent run", "petrel-agent version"];
    expect(lines).toEqual(expect.arrayContaining([...wanted, ...alone]));
  });

  test.each(commands)(
    "$line says in its help what it does, with an example of itself",
    ({ line, command }) => {
      expect(command.description()).toMatch(/^[a-z]/);
      const [, example = ""] = helpOf(command).split("\nExample:\n");
      expect(example).toContain(`  ${line}`);
      for (const option of command.options) expect(option.description, option.flags).not.toBe("");
    },
  );
});

test("nothing of the environment that bin/ sets reaches sensors and actions", () => {
  const before = process.env.NODE_COMPILE_CACHE;
  process.env.NODE_COMPILE_CACHE = "/somewhere";
  systemIo();
  expect(process.env.NODE_COMPILE_CACHE).toBeUndefined();
  if (before !== undefined) process.env.NODE_COMPILE_CACHE = before;
});
