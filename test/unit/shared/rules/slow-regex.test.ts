import { afterEach, expect, test } from "vitest";
import type { RegexRequest } from "../../../../shared/expressions/regex/answer.ts";
import { compilePattern } from "../../../../shared/expressions/regex/pattern.ts";
import { withRegexAnswers } from "../../../../shared/rules/regex-answers.ts";
import { SlowRegex } from "../../../../shared/rules/slow-regex-process.ts";

const opened: SlowRegex[] = [];
afterEach(async () => {
  for (const slow of opened.splice(0)) await slow.close();
});
function open(options?: ConstructorParameters<typeof SlowRegex>[0]): SlowRegex {
  const slow = new SlowRegex(options);
  opened.push(slow);
  return slow;
}
const exploding: RegexRequest = { source: "^(a+)+$", flags: "dvg", text: `${"a".repeat(40)}b`, all: false };
const simple: RegexRequest = { source: "(?<g1>a)(?=b)", flags: "dvg", text: "xab", all: false };

test("an exploding pattern is ended, and the next one is answered", async () => {
  const slow = open({ timeoutMs: 200 });
  expect(await slow.ask(exploding)).toEqual({ timeout: true });
  expect(await slow.ask(simple)).toEqual({ matches: [{ start: 1, end: 2, groups: [[1, 2]] }] });
});

test("questions wait for each other", async () => {
  const slow = open({ timeoutMs: 200 });
  const answers = await Promise.all([slow.ask(simple), slow.ask(exploding), slow.ask(simple)]);
  expect(answers.map((answer) => "timeout" in answer)).toEqual([false, true, false]);
});

test("closing answers what is still open", async () => {
  const slow = open({ timeoutMs: 60_000 });
  const answer = slow.ask(exploding);
  await slow.close();
  expect(await answer).toEqual({ timeout: true });
  await expect(slow.ask(simple)).rejects.toThrow("closed");
});

test("an evaluation is repeated until its questions are answered", async () => {
  const slow = open({ timeoutMs: 5000 });
  const pattern = compilePattern("(\\w)\\1(?!x)");
  const evaluate = (regex: Parameters<typeof pattern.test>[2]) => [
    pattern.test("abba", false, regex),
    pattern.test("abab", false, regex),
    pattern.test("aax", false, regex),
  ];
  expect(await withRegexAnswers((request) => slow.ask(request), evaluate)).toEqual([true, false, false]);
});
