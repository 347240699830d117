/** `petrel audit`: what was asked of the hub, by whom. */
import type { NounCommands } from "../context-cli.ts";
import { requestLogVerb } from "./request-log-cli.ts";

export const auditCommands: NounCommands = (noun, context) => {
  requestLogVerb(noun, context);
};
