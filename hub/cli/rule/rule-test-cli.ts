/** `petrel rule test`: rules against recorded triggers, without a hub. */
import { formatError, isPetrelError, PetrelError } from "../../../shared/errors.ts";
import { encodeJson } from "../../../shared/expressions/python/json-text.ts";
import type { RegexOracle } from "../../../shared/expressions/regex/answer.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import { withRegexAnswers } from "../../../shared/rules/regex-answers.ts";
import { SlowRegex } from "../../../shared/rules/slow-regex-process.ts";
import {
  indexRules,
  judgePair,
  outcomeLine,
  prepareTrigger,
  readTrigger,
  type TestOutcome,
  type TestRule,
  type TestSurroundings,
  type TestTrigger,
} from "../../rules/bulk-test.ts";
import { readActions, readKeys, readLines, readRules, readText } from "../../rules/test-inputs-fs.ts";
import { criteriaTable } from "./criteria-table.ts";

export interface RuleTestOptions {
  /** One rule's file, with `trigger`. */
  readonly rule?: string | undefined;
  /** A file with one trigger. */
  readonly trigger?: string | undefined;
  /** A file or folder of rules, with `triggers`. */
  readonly rules?: string | undefined;
  /** One trigger per line. */
  readonly triggers?: string | undefined;
  /** Packs whose actions are known. */
  readonly packs?: string | undefined;
  readonly keys?: string | undefined;
  readonly json?: boolean | undefined;
}

export interface RuleTestIo {
  /** Resolves when the reader has room again. */
  out(text: string): Promise<void>;
  err(text: string): void;
  now(): number;
  readonly columns: number | undefined;
}

/** Output goes out in pieces of about this many characters. */
const CHUNK = 1 << 20;

/** Exit code: 0 when everything was evaluated, whatever came of it; 2 for unreadable input or wrong flags. */
export async function ruleTest(options: RuleTestOptions, io: RuleTestIo): Promise<number> {
  const slow = new SlowRegex();
  try {
    await run(options, io, slow);
    return 0;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    io.err(`${formatError(error)}\n`);
    return 2;
  } finally {
    await slow.close();
  }
}

async function run(options: RuleTestOptions, io: RuleTestIo, slow: SlowRegex): Promise<void> {
  const { rule, trigger, rules, triggers } = options;
  const single = rule !== undefined && trigger !== undefined && rules === undefined && triggers === undefined;
  const bulk = rules !== undefined && triggers !== undefined && rule === undefined && trigger === undefined;
  if (!single && !bulk) {
    throw new PetrelError("CLI_USAGE", "name a rule and a trigger, or rules and triggers", {
      hint: "petrel rule test RULE.yaml --trigger T.json, or --rules FILE_OR_FOLDER --triggers FILE.ndjson --json",
    });
  }
  const tell = (text: string) => io.err(`${text}\n`);
  const keys = await readKeys(options.keys ?? null);
  const surroundings: TestSurroundings = {
    actions: await readActions(options.packs ?? null, tell),
    // In a file of keys secrets are plain.
    keys: { system: (name) => keys.get(name), unseal: (value) => value },
    now: io.now(),
  };
  if (single) await testOne({ rule, trigger, json: options.json ?? false }, surroundings, io, slow);
  else if (bulk) await testMany({ rules, triggers }, surroundings, io, slow);
}

const unknown: RegexOracle = () => "unknown";

/** Synchronous where no slow pattern is asked about: millions of pairs must not wait for promises. */
function judge(
  rule: TestRule,
  trigger: TestTrigger,
  surroundings: TestSurroundings,
  slow: SlowRegex,
): TestOutcome | Promise<TestOutcome> {
  try {
    const first = judgePair(rule, trigger, surroundings, unknown);
    if (first.done) return first.outcome;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "RegexNeeded") throw error;
  }
  const ask = (request: Parameters<SlowRegex["ask"]>[0]) => slow.ask(request);
  return withRegexAnswers(ask, (regex) => judgePair(rule, trigger, surroundings, regex)).then(
    ({ outcome }) => outcome,
  );
}

async function testMany(
  paths: { readonly rules: string; readonly triggers: string },
  surroundings: TestSurroundings,
  io: RuleTestIo,
  slow: SlowRegex,
): Promise<void> {
  const byType = indexRules(
    await readRules(paths.rules, surroundings.actions, (text) => io.err(`${text}\n`)),
  );
  let chunk = "";
  for await (const { text, number } of readLines(paths.triggers)) {
    const trigger = prepareTrigger(readTrigger(text, `${paths.triggers}:${number}`), surroundings);
    for (const rule of byType.get(trigger.trigger.trigger) ?? []) {
      const judged = judge(rule, trigger, surroundings, slow);
      const outcome = judged instanceof Promise ? await judged : judged;
      chunk += outcomeLine(rule, number, outcome, trigger.encoded);
      if (chunk.length < CHUNK) continue;
      await io.out(chunk);
      chunk = "";
    }
  }
  await io.out(chunk);
}

async function testOne(
  given: { readonly rule: string; readonly trigger: string; readonly json: boolean },
  surroundings: TestSurroundings,
  io: RuleTestIo,
  slow: SlowRegex,
): Promise<void> {
  const rules = await readRules(given.rule, surroundings.actions, (text) => io.err(`${text}\n`));
  if (rules.length === 0)
    throw new PetrelError("RULE_INVALID", `${given.rule} holds no rule`, { where: given.rule });
  const trigger = prepareTrigger(readTrigger(await readText(given.trigger), given.trigger), surroundings);
  const type = trigger.trigger.trigger;
  for (const rule of rules) {
    const outcome =
      rule.triggerType === type ? await judge(rule, trigger, surroundings, slow) : otherType(rule, type);
    await io.out(given.json ? outcomeLine(rule, 1, outcome) : forPeople(outcome, io));
  }
}

function otherType(rule: TestRule, type: string): TestOutcome {
  const error = `TRIGGER_UNKNOWN: the rule waits for '${rule.triggerType}', the trigger is '${type}'`;
  return { rule: rule.ref, matched: false, error, criteria: [], action: null };
}

function forPeople(outcome: TestOutcome, io: RuleTestIo): string {
  const verdict = outcome.matched ? "matches" : "does not match";
  const parts = [`${outcome.rule} ${verdict}\n`];
  parts.push(criteriaTable(outcome.criteria, encodeJson, { columns: io.columns, nowMs: io.now() }));
  if (outcome.skipped !== undefined) parts.push(`skipped: ${outcome.skipped}\n`);
  if (outcome.error !== null) parts.push(`error: ${outcome.error}\n`);
  if (outcome.action !== null) {
    const { throttle_key: key } = outcome;
    const unless = key === undefined ? "" : `, unless held back with others of the key ${encodeJson(key)}`;
    parts.push(`would run ${outcome.action.ref}${unless}\n`);
    for (const [name, value] of outcome.action.parameters) parts.push(`  ${name}: ${encodeJson(value)}\n`);
  }
  return plainLines(parts.join(""));
}
