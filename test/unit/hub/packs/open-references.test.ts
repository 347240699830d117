/** What a pack names of others, and nobody has registered: told as warnings when it is registered. */
import { describe, expect, test } from "vitest";
import { buildCatalogue, openDependencies, openReferences } from "../../../../hub/packs/catalogue.ts";
import { parsePack } from "../../../../shared/packs/parse-pack.ts";
import { aPackRecord } from "../../../support/start-api.ts";

function record(ref: string, files: Readonly<Record<string, string>>) {
  const texts = { "pack.yaml": `name: ${ref}\ndescription: d\nversion: 1.0.0\nauthor: a\n`, ...files };
  const { pack } = parsePack(
    Object.entries(texts).map(([path, text]) => ({ path, mode: 0o644, content: Buffer.from(text) })),
  );
  if (pack === null) throw new Error(`pack ${ref} has errors`);
  return aPackRecord({ ref, pack });
}

const user = record("user", {
  "rules/a.yaml": "name: a\ntrigger: {type: other.sean}\naction: {ref: other.go}\n",
  "aliases/a.yaml": "name: say\naction_ref: other.gone\nformats: [say]\n",
  "policies/a.yaml":
    "name: one\nresource_ref: other.gone\npolicy_type: action.concurrency\nparameters: {threshold: 1}\n",
});
const other = record("other", {
  "triggers/seen.yaml": "name: seen\n",
  "actions/go.yaml": "name: go\nrunner_type: noop\n",
});

test("rules, policies and aliases that name what is not there", () => {
  const said = (packs: Parameters<typeof buildCatalogue>[0]) =>
    openReferences(user, buildCatalogue(packs)).map(
      ({ code, severity, where }) => `${severity} ${code} ${where}`,
    );
  expect(said([user, other])).toEqual([
    "warning RULE_TRIGGER_UNKNOWN rule user.a",
    "warning POLICY_ACTION_UNKNOWN policy user.one",
    "warning ALIAS_ACTION_UNKNOWN action alias user.say",
  ]);
  expect(said([user])).toHaveLength(4);
});

describe("dependencies", () => {
  test.each([
    ["registered in any version", "other", { other: "0.1.0" }, []],
    ["registered in the version wanted", "other=0.1.0", { other: "0.1.0" }, []],
    ["of a tag that names the version", "https://example.org/other.git=v0.1.0", { other: "0.1.0" }, []],
    [
      "not registered",
      "other",
      {},
      [
        [
          "pack user needs pack other, which is not registered",
          "petrel pack install https://github.com/StackStorm-Exchange/stackstorm-other.git",
        ],
      ],
    ],
    [
      "registered in another version",
      "https://example.org/other.git=v0.2.0",
      { other: "0.1.0" },
      [
        [
          "pack user needs pack other in version v0.2.0; 0.1.0 is registered",
          "petrel pack install https://example.org/other.git=v0.2.0",
        ],
      ],
    ],
  ])("%s", (_, text, versions, wanted) => {
    const problems = openDependencies(
      { ref: "user", dependencies: [text] },
      new Map(Object.entries(versions)),
    );
    expect(problems.map(({ message, hint }) => [message, hint])).toEqual(wanted);
  });
});
