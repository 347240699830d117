/** `petrel timer list | get` */
import type { TimerView } from "../../timers/timer-book.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

/** `CronTimer hour=3 minute=30` */
const scheduleText = ({ type, parameters }: TimerView): string =>
  [
    type.replace("core.st2.", ""),
    ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`),
  ].join(" ");

export const timerCommands: NounCommands = (noun, context) => {
  listVerb<TimerView, TimerView>(noun, context, {
    path: "/v1/timers",
    description: "list the timers of rules, and when they come next",
    example: "petrel timer list",
    filters: [
      ["--type <ref>", "only these: core.st2.CronTimer, say"],
      ["--rule <ref>", "only the one of this rule"],
    ],
    row: asIs,
    columns: [
      { header: "ID", value: ({ id }) => id },
      { header: "SCHEDULE", value: scheduleText },
      { header: "NEXT", value: ({ next_fire, reason }) => next_fire ?? `never: ${reason}` },
      { header: "LAST", value: ({ last_fire }, now) => last_fire && ago(last_fire, now) },
      { header: "RULES", value: ({ rules }) => rules.join(" "), cut: true },
    ],
  });
  getVerb<TimerView>(noun, context, {
    path: "/v1/timers",
    argument: "ref",
    description: "show a timer, by its id or by a rule that uses it",
    example: "petrel timer get mypack.nightly",
  });
};
