/** `petrel config show`: the hub's settings, and where each came from. */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { type ShownSetting, shownSettings } from "../../../shared/config/config.ts";
import { hubSettings } from "../../../shared/config/hub-config.ts";
import type { Json } from "../../../shared/json.ts";
import type { NounCommands } from "../context-cli.ts";
import { hubConfig, withHubFlags } from "../hub/hub-config-cli.ts";
import { type Column, toJson, toTable } from "../output.ts";

interface Row extends ShownSetting {
  readonly text: string;
}

const shown = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));

const columns: readonly Column<Row>[] = [
  { header: "SETTING", value: (row) => row.setting },
  { header: "VALUE", value: (row) => (row.value === null ? null : shown(row.value)), cut: true },
];
const originColumn: Column<Row> = { header: "FROM", value: (row) => row.origin, cut: true };

export const configCommands: NounCommands = (noun, { io, globals }) => {
  const show = withHubFlags(noun.command("show"))
    .description("show what `petrel hub` would start with, given the same flags")
    .option("--origin", "and where each value came from");
  withExample(show, "petrel config show --origin --config hub.yaml").action(
    async (options: { origin?: boolean }, self: Command) => {
      const texts = new Map(hubSettings.map(({ path, text }) => [path, text]));
      const rows = shownSettings(hubSettings, await hubConfig(self, io)).map((row) => ({
        ...row,
        text: texts.get(row.setting) ?? "",
      }));
      if (globals(self).json) return io.out(toJson(rows));
      const chosen = options.origin ? [...columns, originColumn] : columns;
      return io.out(toTable(rows, chosen, { columns: io.columns, nowMs: io.now() }));
    },
  );
};
