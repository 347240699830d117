/** `petrel file verify | compare | coverage`: what agents say of the files they watch, asked live. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CommandEnded, collect, withExample } from "../../../shared/cli/program-cli.ts";
import { isPetrelError, PetrelError } from "../../../shared/errors.ts";
import type { Verification } from "../../../shared/model/file-verification.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import { coverageText } from "../../../shared/watch/coverage-text.ts";
import type { WatchCoverage } from "../../../shared/watch/questions.ts";
import type { Comparison } from "../../files/compare.ts";
import type { FleetCoverage } from "../../files/fleet-coverage.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext } from "../context-cli.ts";
import { labelsOption } from "../labels-option.ts";
import { toJson, toTable } from "../output.ts";
import { comparisonExit, groupColumns, missingLines } from "./comparison-rows.ts";
import { fleetCoverageExit, fleetCoverageLines } from "./coverage-rows.ts";
import { agentLine, isUnderWay, progressLine, verificationExit } from "./verification-rows.ts";

const verifications = "/v1/file-verifications";
/** Milliseconds between two looks: short at first, a small tree is looked at in no time. */
const firstLookMs = 100;
const slowestLookMs = 1_000;
const progressEveryMs = 5_000;

export function watchingVerbs(noun: Command, context: CliContext): void {
  verifyVerb(noun, context);
  compareVerb(noun, context);
  coverageVerb(noun, context);
}

interface ChoiceOptions {
  readonly agents?: string;
  readonly labels?: readonly string[];
}

interface VerifyOptions extends ChoiceOptions {
  readonly path?: string;
  readonly full?: boolean;
  readonly id?: string;
}

function withChoice(command: Command): Command {
  return command
    .option("--agents <ids>", "on these: web-1,web-2; without it and --labels on all that watch")
    .option("--labels <labels>", "on those with these labels: role=web,site=berlin", collect);
}

function choiceOf({ agents, labels }: ChoiceOptions): {
  readonly agents?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
} {
  if (agents !== undefined && labels !== undefined) {
    throw new PetrelError("CLI_USAGE", "--agents and --labels exclude each other");
  }
  const ids = agents?.split(",").map((id) => id.trim());
  return {
    ...(ids !== undefined && { agents: ids.filter((id) => id !== "") }),
    ...(labels !== undefined && { labels: labelsOption(labels) }),
  };
}

function choiceQuery({ agents, labels }: ReturnType<typeof choiceOf>): Record<string, string> {
  const pairs = Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return {
    ...(agents !== undefined && { agents: agents.join(",") }),
    ...(labels !== undefined && { labels: pairs.join(",") }),
  };
}

function verifyVerb(noun: Command, context: CliContext): void {
  withExample(
    withChoice(
      noun
        .command("verify")
        .description(
          "have agents look at all they watch now; with --wait, exit code 5 when something differed that no event had told",
        ),
    )
      .option("--path <glob>", "only what this pattern fits and what is below it: /etc/ssh, '*.conf'")
      .option("--full", "read all files for their digests, whatever their times and sizes say")
      .option("--id <id>", "show how far an earlier verification is"),
    "petrel file verify --labels role=web --full --wait 600",
    "petrel file verify --path /etc --wait",
  ).action(async (options: VerifyOptions, self: Command) => {
    const { io } = context;
    const { id, path, full } = options;
    const choice = choiceOf(options);
    if (id !== undefined && (path !== undefined || full === true || Object.keys(choice).length > 0)) {
      throw new PetrelError(
        "CLI_USAGE",
        "--id shows a verification that was begun: it goes with --wait only",
      );
    }
    const api = context.api(self);
    const begun =
      id === undefined
        ? await api.ask<Verification>("POST", verifications, { body: { ...choice, path, full } })
        : await lookAt(api, id);
    const seconds = context.waits(self);
    const goesOn = `it goes on: petrel file verify --id ${begun.id} --wait\n`;
    if (seconds !== null) io.exitOnInterrupt(goesOn.trimEnd());
    const seen = seconds === null ? begun : await untilDone(context, api, begun, seconds * 1_000);
    if (context.globals(self).json) await io.out(toJson(seen));
    else await io.out(plainLines(`${seen.agents.map((row) => agentLine(row)).join("\n")}\n`));
    if (seen.agents.some(isUnderWay) && !context.globals(self).json) io.err(goesOn);
    const code = verificationExit(seen.agents, { isOver: seconds !== null });
    if (code !== 0) throw new CommandEnded(code);
  });
}

function lookAt(api: ApiClient, id: string): Promise<Verification> {
  return api.ask<Verification>("GET", `${verifications}/${encodeURIComponent(id)}`);
}

/** Until all have ended or the time is over; what goes on is given as it was seen last. */
async function untilDone(
  { io }: CliContext,
  api: ApiClient,
  begun: Verification,
  waitMs: number,
): Promise<Verification> {
  const deadline = performance.now() + waitMs;
  let toldAt = performance.now();
  let seen = begun;
  let isAway = false;
  for (
    let pauseMs = firstLookMs;
    seen.agents.some(isUnderWay);
    pauseMs = Math.min(pauseMs * 1.5, slowestLookMs)
  ) {
    const left = deadline - performance.now();
    if (left <= 0) break;
    await sleep(Math.min(pauseMs, left));
    try {
      seen = await lookAt(api, begun.id);
      isAway = false;
    } catch (error) {
      // A hub that is started again knows it, and the agents have gone on.
      if (!isPetrelError(error) || error.code !== "HUB_UNREACHABLE") throw error;
      if (!isAway) io.err(plainLines(`${error.message}: waiting for it\n`));
      isAway = true;
      continue;
    }
    if (performance.now() - toldAt < progressEveryMs) continue;
    toldAt = performance.now();
    for (const row of seen.agents.filter(isUnderWay)) io.err(plainLines(`${progressLine(row)}\n`));
  }
  return seen;
}

function compareVerb(noun: Command, context: CliContext): void {
  withExample(
    withChoice(
      noun
        .command("compare <path>")
        .description(
          "show which hosts have the same content at a path, the few before the many; exit code 5 when not all have",
        ),
    ),
    "petrel file compare /etc/ssh/sshd_config --labels role=web",
  ).action(async (path: string, options: ChoiceOptions, self: Command) => {
    const { io } = context;
    const query = { path, ...choiceQuery(choiceOf(options)) };
    const compared = await context.api(self).ask<Comparison>("GET", "/v1/file-comparison", { query });
    if (context.globals(self).json) await io.out(toJson(compared));
    else {
      if (compared.groups.length > 0) {
        await io.out(toTable(compared.groups, groupColumns, { columns: io.columns, nowMs: io.now() }));
      }
      for (const line of missingLines(compared.missing)) await io.out(plainLines(`${line}\n`));
    }
    const code = comparisonExit(compared);
    if (code !== 0) throw new CommandEnded(code);
  });
}

interface CoverageOptions extends ChoiceOptions {
  readonly agent?: string;
}

function coverageVerb(noun: Command, context: CliContext): void {
  withExample(
    withChoice(
      noun
        .command("coverage")
        .description(
          "show how agents' files are watched: live, polled or blind, and why; exit code 1 when something is blind or an agent does not answer",
        ),
    ).option("--agent <id>", "all of this one, with what cannot be seen"),
    "petrel file coverage --labels role=web",
    "petrel file coverage --agent web-1",
  ).action(async ({ agent, ...options }: CoverageOptions, self: Command) => {
    const { io } = context;
    const api = context.api(self);
    const isJson = context.globals(self).json === true;
    const query = choiceQuery(choiceOf(options));
    if (agent !== undefined) {
      if (Object.keys(query).length > 0) {
        throw new PetrelError("CLI_USAGE", "--agent goes with neither --agents nor --labels");
      }
      const url = `/v1/agents/${encodeURIComponent(agent)}/watch-coverage`;
      const coverage = await api.ask<WatchCoverage>("GET", url);
      await io.out(isJson ? toJson(coverage) : coverageText(coverage));
      return;
    }
    const found = await api.ask<FleetCoverage>("GET", "/v1/file-coverage", { query });
    const lines = fleetCoverageLines(found).map((line) => plainLines(`${line}\n`));
    await io.out(isJson ? toJson(found) : lines.join(""));
    const code = fleetCoverageExit(found);
    if (code !== 0) throw new CommandEnded(code);
  });
}
