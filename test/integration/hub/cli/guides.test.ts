/** What README and guides tell their readers to type exists: each command, and each option of it. */
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createPetrelAgent } from "../../../../agent/commands-cli.ts";
import { createPetrel } from "../../../../hub/cli/nouns-cli.ts";
import { systemIo } from "../../../../shared/cli/system-io-cli.ts";

const root = resolve(import.meta.dirname, "../../../..");
const guides = join(root, "docs/guides");
const io = systemIo();
const petrel = createPetrel(io);
await petrel.loadAll();
const programs = new Map<string, Command>([
  ["petrel", petrel],
  ["petrel-agent", createPetrelAgent(io)],
]);

/** Words of a line up to what belongs to the shell; a quoted text is one word. */
function wordsOf(text: string): readonly string[] {
  const [line = ""] = text.split(/\s(?:[|;&#]|\d?>|<)|;\s|\)\s*$|\)"/);
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word);
}

/** Calls of our programs in a document's blocks, and in what it names in its text. */
function callsIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(/```(?:sh)?\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
  const lines = blocks.flatMap((block) => block.replaceAll("\\\n", " ").split("\n"));
  const prose = text.replaceAll(/```[\s\S]*?```/g, "");
  const named = [...prose.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code.replaceAll("\n", " "));
  const program = /(?:^|[|(;]\s*|until |- )((?:\.\/|bin\/|dist\/linux-x64\/)?petrel(?:-agent)? .*)$/;
  return [...lines, ...named].flatMap((line) => program.exec(line)?.[1] ?? []);
}

const names = (command: Command) => [command.name(), ...command.aliases()];

/** What is wrong with a call; `null`: nothing. */
function problem(call: string): string | null {
  const [first = "", ...words] = wordsOf(call);
  let command = programs.get(first.split("/").at(-1) ?? "");
  if (command === undefined) return "it is none of our programs";
  const options = new Set<string>(["--help", "-h"]);
  const learn = (of: Command) => {
    for (const { short, long } of of.options) for (const flag of [short, long]) if (flag) options.add(flag);
  };
  learn(command);
  let isNaming = true;
  for (const word of words) {
    if (word.startsWith("-") && word.length > 1) {
      isNaming = false;
      const [flag = ""] = word.split("=");
      if (!options.has(flag) && !/^-\d/.test(word)) return `it has no option ${flag}`;
      continue;
    }
    if (!isNaming) continue;
    const inner: Command | undefined = command.commands.find((each) => names(each).includes(word));
    if (inner !== undefined) {
      command = inner;
      learn(inner);
    } else if (command.commands.length > 0 && command.registeredArguments.length === 0 && /^[a-z]/.test(word))
      return `${command.name()} has no command ${word}`;
    else isNaming = false;
  }
  return null;
}

test("a line that is wrong is found", () => {
  expect(problem("petrel rule lst")).toBe("rule has no command lst");
  expect(problem("petrel rule list --sicne 1h")).toBe("it has no option --sicne");
  expect(problem("petrel-agent instal --hub x")).toBe("petrel-agent has no command instal");
  expect(problem("./petrel run core.local 'ls -l' --host web-1")).toBeNull();
  expect(callsIn("```sh\necho x | petrel key load -\n```\n`petrel top`")).toEqual([
    "petrel key load -",
    "petrel top",
  ]);
});

const files = ["README.md", ...(await readdir(guides)).map((name) => `docs/guides/${name}`)];
describe.each(files)("%s", (file) => {
  test("names only commands and options that are there", async () => {
    const calls = callsIn(await readFile(join(root, file), "utf8"));
    const wrong = calls.flatMap((call) => {
      // `enable|disable`: each of them.
      const [, before = "", choice = "", after = ""] = /^(\S+ \S+ )([a-z|]+\|[a-z]+)(.*)$/.exec(call) ?? [];
      const each = choice === "" ? [call] : choice.split("|").map((verb) => `${before}${verb}${after}`);
      return each.flatMap((one) => problem(one) ?? []).map((what) => `${call}: ${what}`);
    });
    expect(wrong).toEqual([]);
  });
});
