/**
 * `petrel rule list | get | create | update | delete | enable | disable | test | why | replay |
 * history | rollback`
 */
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import { type ErrorReport, formatError, isPetrelError, PetrelError } from "../../../shared/errors.ts";
import type { RuleDefinition, RuleRecord } from "../../../shared/model/rule.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { ChangedRule } from "../../rules/rule-desk.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { readTextFile } from "../text-file-fs.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";
import { hindsightVerbs } from "./hindsight-cli.ts";
import { historyVerbs } from "./history-cli.ts";
import type { RuleTestOptions } from "./rule-test-cli.ts";

type Rule = RuleDefinition &
  Pick<RuleRecord, "source" | "updated_at" | "rev"> & { readonly overridden?: true };
type Changed = Rule & Pick<ChangedRule, "replaced">;
type Written = Changed & { readonly warnings: readonly ErrorReport[] };

const path = "/v1/rules";
const at = (ref: string) => `${path}/${encodeURIComponent(ref)}`;

/** The text of a rule's file; `-` is standard input. */
async function ruleText(context: CliContext, file: string): Promise<string> {
  const text = await (file === "-" ? readAll(process.stdin) : readTextFile(context.io.cwd, file));
  if (text.trim() !== "") return text;
  throw new PetrelError("RULE_INVALID", "there is no rule in it: it is empty", {
    where: file === "-" ? "standard input" : file,
    hint: "write a rule: name, trigger, action; `petrel rule get REF` shows how one looks",
  });
}

/** The hub knows the text, but not where it came from: its places are told as places of the file. */
const inFile = (file: string, where: string | undefined) =>
  file === "-" ? where : where?.replace(/^rule(?=[: ]|$)/, file);

/** The rule that the hub has made of a file; its warnings are told. */
async function written(context: CliContext, file: string, asked: Promise<Written>): Promise<Written> {
  try {
    const rule = await asked;
    for (const { code, message, where, fix } of rule.warnings) {
      const warning = new PetrelError(code, message, { where: inFile(file, where), hint: fix });
      context.io.err(plainLines(`warning ${formatError(warning)}\n`));
    }
    return rule;
  } catch (error) {
    if (file === "-" || !isPetrelError(error)) throw error;
    throw new PetrelError(error.code, error.message.replace(/^( {2}where: )rule(?=[: ]|$)/gm, `$1${file}`), {
      where: inFile(file, error.where),
      hint: error.hint,
      cause: error,
    });
  }
}

/** A switch that a file turns is said: whoever turned it by hand may not think of it. */
function replacedText({ ref, rev, enabled, replaced }: Changed): string {
  if (replaced?.rev === rev) return `${ref} is so already`;
  if (replaced === null || replaced.enabled === enabled) return `${ref} is replaced`;
  const [was, is] = enabled ? ["disabled", "enabled"] : ["enabled", "disabled"];
  return `${ref} is replaced; it was ${was}, and is ${is} now, as the file says`;
}

function changeVerbs(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("create <file>")
      .description("make a rule from a YAML or JSON file (- reads standard input)"),
    "petrel rule create alert.yaml",
  ).action(async (file: string, _options: object, self: Command) => {
    const yaml = await ruleText(context, file);
    const rule = await written(context, file, context.api(self).ask<Written>("POST", path, { yaml }));
    await context.say(self, `${rule.ref} is there, ${rule.enabled ? "enabled" : "disabled"}`, rule);
  });
  withExample(
    noun
      .command("update <ref> <file>")
      .description("replace a rule by what a file says, also whether it is enabled"),
    "petrel rule update default.alert alert.yaml",
  ).action(async (ref: string, file: string, _options: object, self: Command) => {
    const yaml = await ruleText(context, file);
    const rule = await written(context, file, context.api(self).ask<Written>("PUT", at(ref), { yaml }));
    await context.say(self, replacedText(rule), rule);
  });
  withExample(
    noun.command("delete <ref>").description("delete a rule"),
    "petrel rule delete default.alert",
  ).action(async (ref: string, _options: object, self: Command) => {
    await context.api(self).ask("DELETE", at(ref));
    await context.say(self, `${ref} is gone`, { ref, deleted: true });
  });
  for (const verb of ["enable", "disable"]) {
    withExample(
      noun.command(`${verb} <ref>`).description(`${verb} a rule`),
      `petrel rule ${verb} mypack.on_change`,
    ).action(async (ref: string, _options: object, self: Command) => {
      const rule = await context.api(self).ask<Rule>("POST", `${at(ref)}/${verb}`);
      await context.say(self, `${rule.ref} is ${rule.enabled ? "enabled" : "disabled"}`, rule);
    });
  }
}

/** `test` needs no hub. */
function testVerb(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("test [rule]")
      .description("tell what a rule, or many, would do with recorded triggers; needs no hub")
      .option("--trigger <file>", "one trigger as JSON: {trigger, payload, origin?}")
      .option("--rules <path>", "a file or folder of rules, with --triggers")
      .option("--triggers <file>", "recorded triggers, one JSON text a line; prints one JSON line a pair")
      .option("--packs <folder>", "packs whose actions the rules run, so that parameters are cast")
      .option("--keys <file>", "values of st2kv.system, a flat JSON object"),
    "petrel rule test alert.yaml --trigger changed.json",
    "petrel rule test --rules rules/ --triggers recorded.ndjson --packs packs --json",
  ).action(async (rule: string | undefined, options: Omit<RuleTestOptions, "rule">, self: Command) => {
    const { ruleTest } = await import("./rule-test-cli.ts");
    const json = context.globals(self).json;
    throw new CommandEnded(await ruleTest({ ...options, rule, json }, context.io));
  });
}

export const ruleCommands: NounCommands = (noun, context) => {
  listVerb<Rule, Rule>(noun, context, {
    path,
    description: "list the rules",
    example: "petrel rule list --trigger mypack.changed_file",
    filters: [
      ["-p, --pack <name>", "only this pack's"],
      ["--trigger <ref>", "only for this trigger type"],
      ["--action <ref>", "only those that run this action"],
    ],
    row: asIs,
    columns: [
      { header: "REF", value: (rule) => rule.ref },
      {
        header: "ENABLED",
        value: ({ enabled, mode, overridden }) => {
          const notes = [...(mode === "shadow" ? ["shadow"] : []), ...(overridden ? ["override"] : [])];
          return notes.length === 0 ? enabled : `${enabled} (${notes.join(", ")})`;
        },
      },
      { header: "TRIGGER", value: (rule) => rule.trigger.type, cut: true },
      { header: "ACTION", value: (rule) => rule.action.ref, cut: true },
      { header: "DESCRIPTION", value: (rule) => rule.description, cut: true },
    ],
  });
  getVerb<Rule>(noun, context, {
    path,
    argument: "ref",
    description: "show a rule",
    example: "petrel rule get mypack.on_change",
  });
  changeVerbs(noun, context);
  testVerb(noun, context);
  hindsightVerbs(noun, context, ruleText);
  historyVerbs(noun, context);
};
