/** `petrel rule why` and `petrel rule replay`: what a rule made of what occurred, or would have made of it. */
import type { Command } from "commander";
import { wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { Throttle } from "../../../shared/model/rule.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import { type Pace, type Paced, PacedReplay } from "../../../shared/rules/throttle-window.ts";
import type { Replay, ReplayItem, RuleWhy } from "../../rules/hindsight.ts";
import type { CliContext } from "../context-cli.ts";
import { toJson, toTable } from "../output.ts";
import { sinceInstant } from "../relative-time.ts";
import { criteriaTable } from "./criteria-table.ts";

interface ReplayOptions {
  readonly since: string;
  readonly until?: string;
  readonly limit: number;
}

/** Trigger instances that the hub looks at in one answer. */
const atOnce = 500;
/** ms between two lines of progress. */
const progressEveryMs = 2_000;

/** Reads the text of a rule's file; `-` is standard input. */
export type ReadRule = (context: CliContext, file: string) => Promise<string>;

export function hindsightVerbs(noun: Command, context: CliContext, readRule: ReadRule): void {
  const { io } = context;
  withExample(
    noun
      .command("why <ref> <trigger-instance>")
      .description("tell why a rule acted on a trigger instance or did not, criterion by criterion"),
    "petrel rule why mypack.on_change 01K0XJ5Z7Q3V9W8R2T4Y6B1N5C",
  ).action(async (ref: string, instance: string, _options: object, self: Command) => {
    const path = `/v1/rules/${encodeURIComponent(ref)}/why/${encodeURIComponent(instance)}`;
    const why = await context.api(self).ask<RuleWhy>("GET", path);
    await io.out(context.globals(self).json ? toJson(why) : whyText(why, io));
  });
  withExample(
    noun
      .command("replay <rule>")
      .description("tell what a rule, or a file with one, would have done with stored triggers; runs nothing")
      .option("--since <time>", "from when on: 30m, 24h, 7d, or an RFC 3339 instant", "24h")
      .option("--until <time>", "up to when: 30m, 24h, 7d ago, or an RFC 3339 instant")
      .option(
        "-n, --limit <rows>",
        "rows of the table at most; all are counted",
        wholeNumber(1, 100_000),
        50,
      ),
    "petrel rule replay mypack.on_change --since 7d",
    "petrel rule replay changed.yaml --since 24h",
  ).action(async (rule: string, options: ReplayOptions, self: Command) => {
    const now = io.now();
    const isFile = rule === "-" || /\.(ya?ml|json)$/.test(rule);
    const what = isFile ? { text: await readRule(context, rule) } : { rule };
    const since = timeOf("--since", options.since, now);
    const until = options.until === undefined ? {} : { until: timeOf("--until", options.until, now) };
    const api = context.api(self);
    const items: ReplayItem[] = [];
    const counted = { looked: 0, matched: 0, failed: 0 };
    let pacing: PacedReplay | undefined;
    let ref = "";
    let toldAt = performance.now();
    for (let cursor: string | undefined; ; ) {
      const body = { ...what, since, ...until, limit: atOnce, ...(cursor !== undefined && { cursor }) };
      const part = await api.ask<Replay>("POST", "/v1/rules/replay", { body });
      ref = part.rule;
      counted.looked += part.looked;
      counted.matched += part.matched;
      counted.failed += part.failed;
      if (part.throttle !== undefined) {
        pacing ??= new PacedReplay(paceOf(part.throttle));
        for (const item of part.items)
          if (item.error === null) pacing.add(keyOf(item), Date.parse(item.received_at));
      }
      items.push(...part.items.slice(0, Math.max(0, options.limit - items.length)));
      cursor = part.cursor;
      if (cursor === undefined) break;
      if (performance.now() - toldAt < progressEveryMs) continue;
      toldAt = performance.now();
      io.err(`looked at ${counted.looked} triggers, ${counted.matched} match\n`);
    }
    const paced = pacing && { paced: pacing.paced };
    const all = { rule: ref, since, ...until, ...counted, items, ...paced };
    await io.out(context.globals(self).json ? toJson(all) : replayText(all, io));
  });
}

const paceOf = ({ every, max }: Throttle): Pace => ({ everyMs: every * 1000, max });

/** What runs elsewhere is never held back together. */
const keyOf = ({ throttle_key, agents }: ReplayItem) => JSON.stringify([throttle_key ?? "", ...agents]);

function timeOf(flag: string, text: string, now: number): string {
  const instant = sinceInstant(text, now);
  if (instant !== null) return instant;
  throw new PetrelError("CLI_USAGE", `${flag} '${text}' is no time`, {
    hint: "write 30m, 24h, 7d, or an instant such as 2026-01-31T12:00:00Z",
  });
}

type Screen = Pick<CliContext["io"], "columns" | "now">;

const shown = (value: unknown): string => JSON.stringify(value);

function whyText(why: RuleWhy, io: Screen): string {
  const parts = [`${why.rule} ${why.matched ? "matches" : "does not match"} ${why.trigger_instance}\n`];
  parts.push(criteriaTable(why.criteria, shown, { columns: io.columns, nowMs: io.now() }));
  if (why.skipped !== null) parts.push(`skipped: ${why.skipped}\n`);
  if (why.error !== null) parts.push(`error: ${why.error}\n`);
  for (const note of why.notes) parts.push(`note: ${note}\n`);
  const { action, enforcement } = why;
  if (enforcement !== null) {
    const { id, status, executions } = enforcement;
    parts.push(`enforced: ${id} ${status}${executions.map((each) => `, execution ${each}`).join("")}\n`);
  }
  if (action !== null) {
    const where = why.agents.length === 0 ? "" : ` on ${why.agents.join(", ")}`;
    const isOff = enforcement === null || enforcement.status === "throttled";
    parts.push(`${isOff ? "would run" : "runs"} ${action.ref}${where}\n`);
    for (const [name, value] of Object.entries(action.parameters)) parts.push(`  ${name}: ${shown(value)}\n`);
  }
  return plainLines(parts.join(""));
}

type Whole = Omit<Replay, "action" | "cursor" | "throttle"> & {
  readonly since: string;
  readonly until?: string;
  readonly paced?: Paced;
};

function replayText(
  { rule, since, until, looked, matched, failed, items, paced }: Whole,
  io: Screen,
): string {
  const table = toTable(
    items,
    [
      { header: "TRIGGER INSTANCE", value: (item) => item.trigger_instance },
      { header: "OCCURRED", value: (item) => item.occurrence_time },
      { header: "AGENT", value: (item) => item.agent },
      { header: "WOULD RUN ON", value: (item) => item.agents.join(","), cut: true },
      { header: "PARAMETERS", value: (item) => item.error ?? shown(item.parameters), cut: true },
    ],
    { columns: io.columns, nowMs: io.now() },
  );
  const more = matched + failed > items.length ? ` (the first ${items.length} are shown; -n shows more)` : "";
  const when = `from ${since} ${until === undefined ? "on" : `to ${until}`}`;
  const held =
    paced === undefined
      ? ""
      : `its throttle would run ${paced.at_once} at once, and hold ${paced.held_back} back for ${paced.digests} digests\n`;
  const faults = failed === 0 ? "" : `, ${failed} could not be judged`;
  return plainLines(
    `${items.length === 0 ? "" : table}${rule}: ${matched} of ${looked} triggers ${when} match${faults}${more}; nothing was run\n${held}`,
  );
}
