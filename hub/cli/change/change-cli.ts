/** `petrel change open | list | close` */
import type { Command } from "commander";
import { collect, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { ChangeWindow } from "../../../shared/model/change-window.ts";
import { spanMs } from "../../../shared/time-span.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { labelsOption } from "../labels-option.ts";
import { ago } from "../relative-time.ts";
import { asIs, listVerb } from "../verbs-cli.ts";

const path = "/v1/change-windows";

interface OpenOptions {
  readonly labels?: readonly string[];
  readonly agent?: string;
  readonly paths: readonly string[];
  readonly for: string;
  readonly reason: string;
}

export const changeCommands: NounCommands = (noun, context) => {
  openCommand(noun, context);
  listVerb<ChangeWindow, ChangeWindow>(noun, context, {
    path,
    description: "list the windows that are open",
    example: "petrel change list --all",
    filters: [["--all", "also those that are over, as long as history is kept"]],
    row: asIs,
    columns: [
      { header: "ID", value: ({ id }) => id },
      { header: "WHERE", value: whereOf, cut: true },
      { header: "PATHS", value: ({ paths }) => paths.join(" "), cut: true },
      { header: "OPENED", value: ({ opened_at }, now) => ago(opened_at, now) },
      { header: "ENDS", value: ({ closed_at, until }, now) => ago(closed_at ?? until, now) },
      { header: "BY", value: ({ opened_by }) => opened_by },
      { header: "REASON", value: ({ reason }) => reason, cut: true },
    ],
  });
  withExample(
    noun.command("close <id>").description("end a window now"),
    "petrel change close 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  ).action(async (id: string, _options: object, self: Command) => {
    const body = { user: context.io.user };
    const window = await context
      .api(self)
      .ask<ChangeWindow>("POST", `${path}/${encodeURIComponent(id)}/close`, { body });
    await context.say(self, `${id} ended at ${window.closed_at ?? window.until}`, window);
  });
};

function whereOf({ agent, labels }: ChangeWindow): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return [...(agent === null ? [] : [agent]), ...pairs].join(" ");
}

function openCommand(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("open")
      .description("expect changes from now on: they are stored and told as always, and carry `expected`")
      .option("--labels <labels>", "on agents with these: role=web,site=berlin", collect)
      .option("--agent <id>", "on this agent")
      .requiredOption("--paths <glob>", "of paths that this pattern fits; may be repeated", collect)
      .requiredOption("--for <time>", "how long: 30m, 2h, 1d")
      .requiredOption("--reason <text>", "why"),
    "petrel change open --labels role=web --paths '/etc/nginx/**' --for 30m --reason 'ticket 4711'",
  ).action(async ({ labels = [], agent, paths, for: time, reason }: OpenOptions, self: Command) => {
    const ms = spanMs(time);
    if (ms === null) {
      throw new PetrelError("CLI_USAGE", `--for '${time}' is no length of time`, {
        hint: "write 30m, 2h or 1d",
      });
    }
    const window = await context.api(self).ask<ChangeWindow>("POST", path, {
      body: {
        labels: labelsOption(labels),
        ...(agent !== undefined && { agent }),
        paths,
        seconds: ms / 1_000,
        reason,
        user: context.io.user,
      },
    });
    await context.say(self, `${window.id} is open until ${window.until}`, window);
  });
}
