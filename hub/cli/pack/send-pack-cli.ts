/** Sends a pack's files to the hub, and says what the hub made of them. */
import type { Command } from "commander";
import { formatError, PetrelError } from "../../../shared/errors.ts";
import type { JsonObject } from "../../../shared/json.ts";
import type { PackFile } from "../../../shared/packs/pack-file.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { RegisteredPack } from "../../http/views.ts";
import type { CliContext } from "../context-cli.ts";

export interface SentPack {
  readonly files: readonly PackFile[];
  /** Names the pack when its manifest does not, and stands before paths in errors. */
  readonly folder: string;
  /** `undefined` keeps what the hub has. */
  readonly config: JsonObject | undefined;
}

/** Registers the pack; its warnings go to standard error. */
export async function sendPack(
  self: Command,
  context: CliContext,
  { files, folder, config }: SentPack,
): Promise<RegisteredPack> {
  const body = {
    folder,
    files: files.map((file) => ({ ...file, content: Buffer.from(file.content).toString("base64") })),
    config,
  };
  const pack = await context.api(self).ask<RegisteredPack>("POST", "/v1/packs", { body });
  for (const { code, message, where, fix } of pack.warnings) {
    const warning = new PetrelError(code, message, { where, hint: fix });
    context.io.err(plainLines(`warning ${formatError(warning)}\n`));
  }
  return pack;
}

/** "1 sensor, 2 trigger types, …" */
export function contentsText(
  pack: Pick<RegisteredPack, "sensors" | "trigger_types" | "rules" | "actions">,
): string {
  const contents = [
    [pack.sensors, "sensor"],
    [pack.trigger_types, "trigger type"],
    [pack.rules, "rule"],
    [pack.actions, "action"],
  ] as const;
  return contents.map(([refs, what]) => `${refs.length} ${what}${refs.length === 1 ? "" : "s"}`).join(", ");
}
