/** `petrel webhook list | get` */
import type { WebhookView } from "../../webhooks/webhook-desk.ts";
import type { NounCommands } from "../context-cli.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

export const webhookCommands: NounCommands = (noun, context) => {
  listVerb<WebhookView, WebhookView>(noun, context, {
    path: "/v1/webhooks",
    description: "list the webhooks that rules wait for",
    example: "petrel webhook list",
    row: asIs,
    columns: [
      { header: "URL", value: ({ url }) => `/v1/webhooks/${url}` },
      { header: "TAKEN", value: ({ enabled }) => (enabled ? "yes" : "no: its rules are disabled") },
      { header: "RULES", value: ({ rules }) => rules.join(" "), cut: true },
    ],
  });
  getVerb<WebhookView>(noun, context, {
    path: "/v1/webhooks",
    argument: "ref",
    description: "show a webhook and its rules, by its path below /v1/webhooks/",
    example: "petrel webhook get github/push",
  });
};
