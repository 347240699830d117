/** `petrel top`: the fleet, live. */
import { type Command, Option } from "commander";
import { wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { openScreen, type Screen } from "../../../shared/cli/terminal-cli.ts";
import { errorReport } from "../../../shared/errors.ts";
import type { Top } from "../../figures/figures.ts";
import { type TopOrder, topOrders } from "../../figures/top.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext, Globals, NounCommands } from "../context-cli.ts";
import { toJson } from "../output.ts";
import { frame } from "./frame.ts";

interface TopOptions extends Globals {
  readonly once?: boolean;
  readonly interval: number;
  readonly sort: TopOrder;
  readonly limit: number;
}

const path = "/v1/top";
/** Rows of a snapshot without a screen that would bound them. */
const chainsOfSnapshot = 10;
const mostPast = 60;
const quitKeys = new Set(["q", "Q", "\u0003", "\u0004", "\u001b"]);

async function show(context: CliContext, self: Command): Promise<void> {
  const options = self.optsWithGlobals<TopOptions>();
  const { io } = context;
  const screen = options.once === true || options.json === true ? null : openScreen(io.env);
  if (screen !== null) return live(context, self, screen, options);
  const query = { order: options.sort, agents: options.limit, chains: chainsOfSnapshot };
  const top = await context.api(self).ask<Top>("GET", path, { query });
  if (options.json) return io.out(toJson(top));
  const lines = frame(top, {
    columns: io.columns ?? 200,
    rows: null,
    order: options.sort,
    isPaused: false,
    past: [],
    trouble: null,
    color: false,
  });
  await io.out(`${lines.map((line) => line.trimEnd()).join("\n")}\n`);
}

/** Asks, draws, waits; resolves when somebody has had enough. */
async function live(context: CliContext, self: Command, screen: Screen, options: TopOptions): Promise<void> {
  const api: ApiClient = context.api(self);
  let order = options.sort;
  let isPaused = false;
  let hasQuit = false;
  let top: Top | null = null;
  let trouble: string | null = null;
  let past: readonly number[] = [];
  /** Something was asked for that the last answer does not show. */
  let isDue = false;
  let goOn = () => {};
  const wake = () => {
    isDue = true;
    goOn();
  };
  const draw = () => {
    const { columns, rows } = screen.size();
    screen.draw(frame(top, { columns, rows, order, isPaused, past, trouble, color: screen.color }));
  };
  screen.onResize(() => {
    draw();
    wake();
  });
  screen.onKey((key) => {
    if (quitKeys.has(key)) hasQuit = true;
    else if (key === " " || key === "p") isPaused = !isPaused;
    else if (key === "s") order = topOrders[(topOrders.indexOf(order) + 1) % topOrders.length] ?? "lag";
    else return;
    draw();
    wake();
  });
  try {
    draw();
    while (!hasQuit) {
      if (!isPaused) {
        const { rows } = screen.size();
        const query = { order, agents: Math.min(1_000, rows), chains: Math.min(100, rows) };
        // A hub that is started again is waited for on the screen, not behind it.
        isDue = false;
        await Promise.race([
          api.ask<Top>("GET", path, { query }).then(
            (answer) => {
              top = answer;
              trouble = null;
              const { triggers_per_s, executions_per_s } = answer.hub.totals;
              past = [...past, triggers_per_s + executions_per_s].slice(-mostPast);
            },
            (error) => {
              trouble = errorReport(error).message;
            },
          ),
          new Promise<void>((resolve) => {
            goOn = resolve;
          }),
        ]);
        draw();
      }
      if (hasQuit) break;
      if (isDue && !isPaused) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, options.interval * 1_000);
        goOn = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    screen.close();
  }
  // A question that is still open must not hold up the end.
  process.exit(0);
}

export const topCommand: NounCommands = (noun, context) => {
  noun
    .option("--once", "one snapshot, also on a terminal")
    .option("--interval <seconds>", "between two questions", wholeNumber(1, 3600), 1)
    .addOption(
      new Option("--sort <order>", "what needs looking at first, the busiest first, or by name")
        .choices(topOrders)
        .default("lag"),
    )
    .option("-n, --limit <agents>", "agents in a snapshot (0 to 1000)", wholeNumber(0, 1_000), 20);
  withExample(noun, "petrel top", "petrel top --once --sort rate -n 50").action(
    (_options: object, self: Command) => show(context, self),
  );
};
