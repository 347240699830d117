/** `petrel doctor`: weak settings of the hub, and how to mend them. */
import type { Command } from "commander";
import { CommandEnded, withExample } from "../../../shared/cli/program-cli.ts";
import type { Finding } from "../../doctor/finding.ts";
import type { NounCommands } from "../context-cli.ts";

const line = ({ level, what, where, fix }: Finding) =>
  `${level === "wrong" ? "WRONG " : "advice"}  ${where}: ${what}\n        fix: ${fix}`;

export const doctorCommand: NounCommands = (noun, context) => {
  withExample(noun, "petrel doctor", "petrel doctor --json").action(
    async (_options: object, self: Command) => {
      const { items } = await context.api(self).ask<{ items: readonly Finding[] }>("GET", "/v1/doctor");
      const isWrong = items.some(({ level }) => level === "wrong");
      const text = items.length === 0 ? "nothing weak was found" : items.map(line).join("\n");
      await context.say(self, text, { ok: !isWrong, findings: items });
      if (isWrong) throw new CommandEnded(1);
    },
  );
};
