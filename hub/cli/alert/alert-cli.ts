/** `petrel alert test`: shows that people are told before something happens that they have to be told of. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { isObject } from "../../../shared/json.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { suggestion } from "../../../shared/nearest.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { NounCommands } from "../context-cli.ts";

/** Actions of pack `alert`. */
const ways = ["webhook", "slack", "mail", "syslog"];
/** Longer than an alert may take (ms). */
const withinMs = 120_000;
const lookMs = 200;

/** As it is once it has ended, or when the time is over. */
async function outcome(api: ApiClient, started: Execution): Promise<Execution> {
  const deadline = performance.now() + withinMs;
  for (let seen = started; ; ) {
    if (seen.end_timestamp !== null || performance.now() > deadline) return seen;
    await sleep(lookMs);
    seen = await api.ask<Execution>("GET", `/v1/executions/${seen.id}`);
  }
}

export const alertCommands: NounCommands = (noun, context) => {
  withExample(
    noun
      .command("test <name>")
      .description(`tell something that says it is a test, by ${ways.join(", ")}`)
      .option("--host <agent>", "from this agent; without it, from the agent beside the hub"),
    "petrel alert test mail",
  ).action(async (name: string, { host }: { readonly host?: string }, self: Command) => {
    const way = name.replace(/^alert\./, "");
    if (!ways.includes(way)) {
      throw new PetrelError("CLI_USAGE", `there is no alert '${name}'`, {
        hint: `${suggestion(way, ways)}; there are ${ways.join(", ")}`,
      });
    }
    const api = context.api(self);
    const user = context.io.user;
    const parameters = {
      title: "A test by `petrel alert test`",
      text: "Nothing has happened. Whoever reads this will hear of it when something does.",
      severity: "info",
      event: { path: "/no/such/file", status: "modified", actor: { user } },
    };
    const target = host === undefined ? "hub" : { host };
    const body = { action: `alert.${way}`, parameters, target, user };
    const { items } = await api.ask<{ items: readonly Execution[] }>("POST", "/v1/executions", { body });
    const [started] = items;
    if (started === undefined) throw new PetrelError("INTERNAL", "the hub made no execution");
    const execution = await outcome(api, started);
    const { id, status, reason, result, agent } = execution;
    if (status === "succeeded") {
      await context.say(self, `told by ${way} from agent ${agent}: execution ${id}`, execution);
      return;
    }
    const said = isObject(result) && typeof result.result === "string" ? result.result : (reason ?? status);
    if (context.globals(self).json) {
      await context.say(self, "", execution);
      throw new CommandEnded(1);
    }
    throw new PetrelError("EXECUTION_FAILED", `the alert was not told: ${said}`, {
      where: `alert.${way} on agent ${agent}`,
      hint: `\`petrel execution get ${id}\` shows all it said`,
    });
  });
};
