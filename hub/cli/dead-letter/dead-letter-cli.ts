/** `petrel dead-letter list | get | retry | drop` */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import type { DeadLetter } from "../../store/port/history.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

const path = "/v1/dead-letters";

export const deadLetterCommands: NounCommands = (noun, context) => {
  listVerb<DeadLetter, DeadLetter>(noun, context, {
    path,
    description: "list what arrived and could not be used, newest first",
    history: true,
    example: "petrel dead-letter list --since 24h",
    row: asIs,
    columns: [
      { header: "ID", value: (letter) => letter.id },
      { header: "AGENT", value: (letter) => letter.agent },
      { header: "WHEN", value: (letter, now) => ago(letter.received_at, now) },
      { header: "CODE", value: (letter) => letter.code },
      { header: "REASON", value: (letter) => letter.reason, cut: true },
    ],
  });
  getVerb<DeadLetter>(noun, context, {
    path,
    argument: "id",
    description: "show one with its entry",
    example: "petrel dead-letter get 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  });
  withExample(
    noun.command("retry <id>").description("take it in again, with today's packs and rules"),
    "petrel dead-letter retry 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  ).action(async (id: string, _options: object, self: Command) => {
    const outcome = await context.api(self).ask("POST", `${path}/${encodeURIComponent(id)}/retry`);
    await context.say(self, `${id} was taken in again`, outcome);
  });
  withExample(
    noun.command("drop <id>").description("delete it for good"),
    "petrel dead-letter drop 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  ).action(async (id: string, _options: object, self: Command) => {
    await context.api(self).ask("DELETE", `${path}/${encodeURIComponent(id)}`);
    await context.say(self, `${id} is gone`, { id, dropped: true });
  });
};
