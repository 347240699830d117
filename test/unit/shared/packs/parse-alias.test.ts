/** aliases/*.yaml: what is kept of them, and what is told of mistakes. */
import { expect, test } from "vitest";
import { parsePack } from "../../../../shared/packs/parse-pack.ts";

const parsed = (text: string) => {
  const files = {
    "pack.yaml": "name: p\ndescription: d\nversion: 1.0.0\nauthor: a\n",
    "aliases/a.yaml": text,
  };
  return parsePack(
    Object.entries(files).map(([path, content]) => ({ path, mode: 0o644, content: Buffer.from(content) })),
  );
};

test("an alias is kept, its formats in one form", () => {
  const { pack, problems } = parsed(`name: deploy
pack: p
action_ref: other.deploy
formats:
  - "deploy {{ what }}"
  - {display: "deploy {{ what }} now", representation: ["deploy {{ what }} (now|at once)"]}
ack: {format: "on it"}
`);
  expect(problems).toEqual([]);
  expect(pack?.aliases).toEqual([
    {
      ref: "p.deploy",
      pack: "p",
      name: "deploy",
      description: "",
      enabled: true,
      action_ref: "other.deploy",
      formats: [
        { display: "deploy {{ what }}", representation: ["deploy {{ what }}"] },
        { display: "deploy {{ what }} now", representation: ["deploy {{ what }} (now|at once)"] },
      ],
      ack: { format: "on it" },
      result: {},
      extra: {},
      immutable_parameters: {},
    },
  ]);
});

test.for([
  ["no formats", "name: a\naction_ref: p.a\n", "aliases/a.yaml:1"],
  ["no ref", "name: a\naction_ref: a\nformats: [x]\n", "aliases/a.yaml:2 (action_ref)"],
  ["another pack", "name: a\npack: q\naction_ref: p.a\nformats: [x]\n", "aliases/a.yaml:2 (pack)"],
  ["a format without words", "name: a\naction_ref: p.a\nformats: [{display: x}]\n", "aliases/a.yaml:3"],
  ["no YAML", "name: [\n", "aliases/a.yaml:"],
  ["a misspelled field", "name: a\naction_ref: p.a\nformat: [x]\nformats: [x]\n", "aliases/a.yaml:3"],
] as const)("%s is a warning at its line, and the pack does without it", ([, text, where]) => {
  const { pack, problems } = parsed(text);
  expect(pack?.aliases).toBeUndefined();
  expect(problems.map(({ severity }) => severity)).toEqual(["warning"]);
  expect(problems.map((problem) => problem.where)).toEqual([expect.stringContaining(where)]);
});
