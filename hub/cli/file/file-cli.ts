/** `petrel file changes | history | diff | ack`; what is asked live is in `watching-cli.ts`. */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { FileAck } from "../../../shared/model/file-change.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { FileChangeView } from "../../http/file-change-view.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { asIs, listVerb } from "../verbs-cli.ts";
import { columns, diffOf, historyColumns, whyNoDiff } from "./file-rows.ts";
import { watchingVerbs } from "./watching-cli.ts";

const path = "/v1/file-changes";
/** As many as the hub takes at once. */
const mostAcks = 500;

export const fileCommands: NounCommands = (noun, context) => {
  listVerb<FileChangeView, FileChangeView>(noun, context, {
    name: "changes",
    path,
    description: "list what changed in watched files, newest first",
    history: true,
    example: "petrel file changes --path '/etc/**' --labels role=web --since 24h --unacknowledged",
    filters: [
      ["--path <glob>", "only of paths that this pattern fits: '/etc/**', '*.conf'"],
      ["--labels <labels>", "only from agents with these: role=web,site=berlin"],
      ["--agent <id>", "only from this agent"],
      ["--user <user>", "only by this user (name or number), or by who had logged in as this one"],
      ["--exe <glob>", "only by this program: vim, '/usr/bin/*'"],
      ["--via <name>", "only by this package manager: dpkg, rpm"],
      ["--status <status>", "created, modified, deleted, renamed, attributes, transient or unverified"],
      ["--severity <word>", "only of paths watched with this severity"],
      ["--unexpected", "only what fell into no window (see `petrel change`)"],
      ["--unacknowledged", "only what nobody has acknowledged"],
    ],
    row: asIs,
    columns,
  });
  listVerb<FileChangeView, FileChangeView>(noun, context, {
    name: "history",
    argument: { name: "path", field: "history" },
    path,
    description: "list all that happened to one path, newest first, also under the name it had before",
    history: true,
    example: "petrel file history /etc/ssh/sshd_config --agent web-1",
    required: [["--agent <id>", "on this agent"]],
    row: asIs,
    columns: historyColumns,
  });
  diffCommand(noun, context);
  ackCommand(noun, context);
  watchingVerbs(noun, context);
};

function diffCommand(noun: Command, context: CliContext): void {
  withExample(
    noun.command("diff <id>").description("show how a change altered the contents, or why that is not known"),
    "petrel file diff 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  ).action(async (id: string, _options: object, self: Command) => {
    const change = await context.api(self).ask<FileChangeView>("GET", `${path}/${encodeURIComponent(id)}`);
    const diff = diffOf(change);
    if (context.globals(self).json) {
      const { agent, path: where, status, time } = change;
      const why = diff === null ? whyNoDiff(change) : null;
      return context.printRecord(self, {
        id,
        agent,
        path: where,
        status,
        time,
        diff: diff?.text ?? null,
        notes: diff?.notes ?? [],
        why,
      });
    }
    if (diff === null) return context.io.out(plainLines(`no difference was kept: ${whyNoDiff(change)}\n`));
    await context.io.out(plainLines(diff.text.endsWith("\n") ? diff.text : `${diff.text}\n`));
    for (const note of diff.notes) context.io.err(`${note}\n`);
  });
}

function ackCommand(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("ack <ids...>")
      .description("say that changes have been seen and why they are right; whoever was first stays")
      .requiredOption("--reason <text>", "why"),
    "petrel file ack 01JQ8ZK4T6V8X0A2C4E6G8J0M2 --reason 'ticket 4711'",
  ).action(async (ids: readonly string[], { reason }: { reason: string }, self: Command) => {
    const wanted = [...new Set(ids)];
    if (wanted.length > mostAcks) {
      throw new PetrelError("CLI_USAGE", `at most ${mostAcks} changes are acknowledged at once`);
    }
    const { items } = await context
      .api(self)
      .ask<{ items: readonly FileAck[] }>("POST", `${path}/acknowledge`, {
        body: { ids: wanted, reason, user: context.io.user },
      });
    const lines = items.map(
      ({ change, by, at, reason: why }) => `${change} acknowledged by ${by} at ${at}: ${why}`,
    );
    await context.say(self, lines.join("\n"), items);
  });
}
