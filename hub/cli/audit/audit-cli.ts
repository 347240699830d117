/** `petrel audit log | head | verify | trace`: who asked the hub for what, and what it can prove of its history. */
import type { Command } from "commander";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { AuditHead, AuditPage, AuditTrace } from "../../audit/audit.ts";
import type { AuditProblem } from "../../audit/chain.ts";
import { headText, parseHead } from "../../audit/note-head.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { toJson, toTable } from "../output.ts";
import { requestLogVerb } from "./request-log-cli.ts";
import { stepRows } from "./step-rows.ts";

/** ms between two lines of progress. */
const progressEveryMs = 2_000;
/** Problems that are listed; all are counted. */
const mostListed = 1_000;

export const auditCommands: NounCommands = (noun, context) => {
  requestLogVerb(noun, context);
  withExample(
    noun
      .command("head")
      .description("print the end of the audit's chain, to be noted where the hub cannot write"),
    "petrel audit head",
  ).action(async (_options: object, self: Command) => {
    const head = await context.api(self).ask<AuditHead>("GET", "/v1/audit/head");
    await context.say(self, headText(head), head);
  });
  withExample(
    noun
      .command("verify")
      .description("look for anything in history that was changed behind the hub's back")
      .option("--expect <head>", "a head that was noted: nothing before it may have changed"),
    "petrel audit verify",
    `petrel audit verify --expect 812:${"9f".repeat(32)}`,
  ).action(({ expect }: { readonly expect?: string }, self: Command) => verify(context, self, expect));
  withExample(
    noun
      .command("trace <id>")
      .description("tell the steps behind an execution or a trigger instance, and whether each holds"),
    "petrel audit trace 01K0XJ5Z7Q3V9W8R2T4Y6B1N5C",
  ).action((id: string, _options: object, self: Command) => trace(context, self, id));
};

/** What all pieces together have found. */
interface Verification {
  readonly ok: boolean;
  /** As it was when it began. */
  readonly head: AuditHead;
  readonly rows: number;
  readonly records: number;
  readonly unchained: number;
  readonly problem_count: number;
  readonly problems: readonly AuditProblem[];
}

async function verify(context: CliContext, self: Command, expect: string | undefined): Promise<void> {
  const { io } = context;
  if (expect !== undefined && parseHead(expect) === null) {
    throw new PetrelError("CLI_USAGE", `--expect '${expect}' is no head of the audit's chain`, {
      hint: "write it as `petrel audit head` prints it: a number, a colon, 64 hex digits",
    });
  }
  const api = context.api(self);
  const head = await api.ask<AuditHead>("GET", "/v1/audit/head");
  const problems: AuditProblem[] = [];
  const counted = { rows: 0, records: 0, unchained: 0, problem_count: 0 };
  let toldAt = performance.now();
  for (let cursor: string | undefined; ; ) {
    const query = cursor === undefined ? { expect } : { cursor };
    const piece = await api.ask<AuditPage>("GET", "/v1/audit/verify", { query });
    counted.rows += piece.rows;
    if (piece.part === "records") counted.records += piece.records;
    counted.unchained += piece.unchained;
    counted.problem_count += piece.problems.length;
    problems.push(...piece.problems.slice(0, Math.max(0, mostListed - problems.length)));
    cursor = piece.cursor;
    if (cursor === undefined) break;
    if (performance.now() - toldAt < progressEveryMs) continue;
    toldAt = performance.now();
    io.err(
      piece.part === "chain"
        ? `row ${piece.seq} of ${piece.until}\n`
        : `${counted.records} records looked at\n`,
    );
  }
  const done: Verification = { ok: problems.length === 0, head, ...counted, problems };
  await io.out(context.globals(self).json ? toJson(done) : verificationText(done, io));
  if (!done.ok) throw new CommandEnded(1);
}

type Screen = Pick<CliContext["io"], "columns" | "now">;

function verificationText({ ok, head, ...found }: Verification, io: Screen): string {
  const { rows, records, unchained, problem_count, problems } = found;
  const table = toTable(
    problems,
    [
      { header: "ROW", value: (problem) => problem.seq },
      { header: "FOUND", value: (problem) => problem.fault },
      { header: "WHAT", value: (problem) => problem.kind },
      { header: "ID", value: (problem) => problem.id },
      { header: "", value: (problem) => problem.text, cut: true },
    ],
    { columns: io.columns, nowMs: io.now() },
  );
  const span = rows === 0 ? "no rows" : `rows ${head.first} to ${Math.max(head.seq, head.first + rows - 1)}`;
  const older = unchained === 0 ? "" : `; ${unchained} records are older than it`;
  const cut = head.first > 1 ? `; rows before ${head.first} were removed with the history they tell of` : "";
  const facts = `${span}, ${records} records; the chain began at ${head.began}${older}${cut}\n`;
  const more = problem_count > problems.length ? `the first ${problems.length} are shown\n` : "";
  const verdict = ok
    ? "the audit holds\n"
    : `the audit does not hold: ${problem_count} ${problem_count === 1 ? "problem" : "problems"}\n`;
  return plainLines(`${ok ? "" : table}${more}${facts}${verdict}`);
}

async function trace(context: CliContext, self: Command, id: string): Promise<void> {
  const { io } = context;
  const api = context.api(self);
  const told = await api.ask<AuditTrace>("GET", `/v1/audit/trace/${encodeURIComponent(id)}`);
  if (context.globals(self).json) await io.out(toJson(told));
  else {
    const table = toTable(
      stepRows(told),
      [
        { header: "ROW", value: (step) => step.row },
        { header: "WHEN", value: (step) => step.at },
        { header: "STEP", value: (step) => step.step },
        { header: "ID", value: (step) => step.id },
        { header: "WHAT", value: (step) => step.what, cut: true },
        { header: "SHA-256", value: (step) => step.digest.slice(0, 16) },
        { header: "HOLDS", value: (step) => step.holds },
      ],
      { columns: io.columns, nowMs: io.now() },
    );
    await io.out(table);
  }
  if (!told.verified) throw new CommandEnded(1);
}
