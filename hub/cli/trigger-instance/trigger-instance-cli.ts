/** `petrel trigger-instance list | get | re-emit` */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { getVerb, listVerb } from "../verbs-cli.ts";

const path = "/v1/trigger-instances";

const row = ({ id, trigger, origin, occurrence_time, received_at, status, payload }: TriggerInstance) => ({
  id,
  trigger,
  agent: origin.agent,
  occurrence_time,
  received_at,
  status,
  payload,
});

export const triggerInstanceCommands: NounCommands = (noun, context) => {
  listVerb<TriggerInstance, ReturnType<typeof row>>(noun, context, {
    path,
    description: "list what happened, newest first",
    history: true,
    example: "petrel trigger-instance list --trigger mypack.changed_file --since 1h",
    filters: [
      ["--trigger <ref>", "only of this trigger type"],
      ["--agent <id>", "only from this agent"],
      ["--status <status>", "pending, processing, processed or processing_failed"],
    ],
    row,
    columns: [
      { header: "ID", value: (instance) => instance.id },
      { header: "TRIGGER", value: (instance) => instance.trigger },
      { header: "AGENT", value: (instance) => instance.agent },
      { header: "OCCURRED", value: (instance, now) => ago(instance.occurrence_time, now) },
      { header: "STATUS", value: (instance) => instance.status },
      { header: "PAYLOAD", value: (instance) => JSON.stringify(instance.payload), cut: true },
    ],
  });
  getVerb<TriggerInstance>(noun, context, {
    path,
    argument: "id",
    description: "show one of them",
    example: "petrel trigger-instance get 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
    full: (instance) => ({ ...row(instance), ...instance }),
  });
  withExample(
    noun.command("re-emit <id>").description("let it happen again, judged by today's rules"),
    "petrel trigger-instance re-emit 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  ).action(async (id: string, _options: object, self: Command) => {
    const instance = await context
      .api(self)
      .ask<TriggerInstance>("POST", `${path}/${encodeURIComponent(id)}/re-emit`);
    await context.say(self, `${id} was emitted again as ${instance.id}`, { ...row(instance), ...instance });
  });
};
