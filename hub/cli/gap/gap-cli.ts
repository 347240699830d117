/** `petrel gap list` */
import type { GapRecord } from "../../store/port/history.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, listVerb } from "../verbs-cli.ts";

export const gapCommands: NounCommands = (noun, context) => {
  listVerb<GapRecord, GapRecord>(noun, context, {
    path: "/v1/gaps",
    description: "list what could not be delivered, newest first",
    history: true,
    example: "petrel gap list --since 24h",
    row: asIs,
    columns: [
      { header: "AGENT", value: (gap) => gap.agent },
      { header: "WHEN", value: (gap, now) => ago(gap.recorded_at, now) },
      { header: "DIRECTION", value: (gap) => gap.direction },
      { header: "EPOCH", value: (gap) => gap.epoch, cut: true },
      { header: "FROM", value: (gap) => gap.from },
      { header: "TO", value: (gap) => gap.to },
      { header: "REASON", value: (gap) => gap.reason, cut: true },
    ],
  });
};
