/** `petrel rule history` and `petrel rule rollback`: what a rule was, and back to it. */
import type { Command } from "commander";
import { wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { RuleVersion } from "../../../shared/model/rule.ts";
import type { ChangedRule } from "../../rules/rule-desk.ts";
import type { CliContext } from "../context-cli.ts";
import { toJson, toTable } from "../output.ts";
import { ago } from "../relative-time.ts";
import { changedFields } from "./changed-fields.ts";

const latestRev = 1_000_000_000;

type RolledBack = Pick<ChangedRule, "rev" | "replaced">;

export function historyVerbs(noun: Command, context: CliContext): void {
  const { io } = context;
  const at = (ref: string) => `/v1/rules/${encodeURIComponent(ref)}`;
  withExample(
    noun
      .command("history <ref>")
      .description("show what a rule was, newest first, and what each change changed")
      .option("--rev <number>", "show this version as a whole", wholeNumber(1, latestRev)),
    "petrel rule history mypack.on_change",
    "petrel rule history mypack.on_change --rev 2",
  ).action(async (ref: string, options: { readonly rev?: number }, self: Command) => {
    const { items } = await context
      .api(self)
      .ask<{ items: readonly RuleVersion[] }>("GET", `${at(ref)}/history`);
    if (options.rev !== undefined) {
      const version = items.find(({ rev, rule }) => rev === options.rev && rule !== null);
      if (version !== undefined) return context.printRecord(self, version, version.rule);
      throw new PetrelError("NOT_FOUND", `rule ${ref} has no version ${options.rev}`, {
        hint: `\`petrel rule history ${ref}\` shows those that are kept`,
      });
    }
    if (context.globals(self).json) return io.out(toJson(items));
    const rows = items.map((version, place) => ({ version, before: items[place + 1] }));
    return io.out(
      toTable(
        rows,
        [
          { header: "REV", value: ({ version }) => version.rev },
          { header: "UPDATED", value: ({ version }, now) => ago(version.updated_at, now) },
          { header: "SOURCE", value: ({ version }) => version.source },
          { header: "ENABLED", value: ({ version }) => version.rule?.enabled ?? "deleted" },
          { header: "CHANGED", value: ({ version, before }) => changed(version, before), cut: true },
        ],
        { columns: io.columns, nowMs: io.now() },
      ),
    );
  });
  withExample(
    noun
      .command("rollback <ref>")
      .description("make a rule again what it was; it stays enabled or disabled as it is")
      .option(
        "--to <rev>",
        "which version; without it the one before the last change",
        wholeNumber(1, latestRev),
      ),
    "petrel rule rollback mypack.on_change",
    "petrel rule rollback mypack.on_change --to 3",
  ).action(async (ref: string, options: { readonly to?: number }, self: Command) => {
    const body = options.to === undefined ? {} : { rev: options.to };
    const record = await context.api(self).ask<RolledBack>("POST", `${at(ref)}/rollback`, { body });
    const to = options.to === undefined ? "what it was before" : `version ${options.to}`;
    const isSame = record.replaced?.rev === record.rev;
    const said = isSame
      ? `is that already, in version ${record.rev}`
      : `is ${to} again, as version ${record.rev}`;
    await context.say(self, `${ref} ${said}`, record);
  });
}

function changed(version: RuleVersion, before: RuleVersion | undefined): string {
  if (version.rule === null) return "deleted";
  if (before?.rule == null) return "made";
  return changedFields(before.rule, version.rule).join(", ");
}
