/** What is answered to a text that is wrong in many places: enough to mend it by, whatever was sent. */
import { expect, test } from "vitest";
import { invalidPack } from "../../../../hub/packs/registration.ts";
import { parseRuleDocuments } from "../../../../shared/packs/parse-rule.ts";
import type { Problem } from "../../../../shared/problem.ts";
import { fileLimits } from "../../../../shared/yaml/read-yaml.ts";

const problems = (count: number): Problem[] =>
  Array.from({ length: count }, (_, n) => ({
    code: "RULE_INVALID",
    severity: "error",
    message: `number ${n} is wrong`,
    where: `rule:${n + 1}`,
    hint: "mend it",
  }));

test.each([
  [2, 2, "the rule has 2 errors; nothing was changed\n", "shows the same without"],
  [20, 20, "the rule has 20 errors; nothing was changed\n", "shows the same without"],
  [21, 20, "the rule has 21 errors; nothing was changed; the first 20:\n", "shows all of them without"],
  [
    35_000,
    20,
    "the rule has 35000 errors; nothing was changed; the first 20:\n",
    "shows all of them without",
  ],
])("of %i problems %i are shown", (count, shown, head, hint) => {
  const error = invalidPack(problems(count), "rule");
  expect(error.message.startsWith(head)).toBe(true);
  expect(error.message.match(/is wrong/g)).toHaveLength(shown);
  expect(error.hint).toContain(hint);
});

test("a text of very many documents where one is wanted is read up to the second", () => {
  const { documents, problems: stray } = parseRuleDocuments(
    "--- {}\n".repeat(35_000),
    "rule",
    "default",
    fileLimits,
  );
  expect([documents.length, stray]).toEqual([2, []]);
  const error = invalidPack(
    documents.flatMap((document) => document.problems),
    "rule",
  );
  expect(error.message.length).toBeLessThan(2_000);
});
