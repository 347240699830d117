/** `petrel backup DIR`: a copy of a running hub's data. */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { BackupRecord } from "../../backup/backup-desk.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";

const askEveryMs = 200;
/** Milliseconds between two lines of progress: a short backup says nothing before its end. */
const tellEveryMs = 2_000;

async function backup(context: CliContext, folder: string, self: Command): Promise<void> {
  const { io } = context;
  const api = context.api(self);
  const body = { folder: resolve(io.cwd, folder) };
  let record = await api.ask<BackupRecord>("POST", "/v1/backups", { body });
  for (let waitedMs = 0; record.state === "running"; waitedMs += askEveryMs) {
    await sleep(askEveryMs);
    record = await api.ask<BackupRecord>("GET", `/v1/backups/${record.id}`);
    if (waitedMs % tellEveryMs === tellEveryMs - askEveryMs && !context.globals(self).json)
      io.err(`${record.records} records, ${record.blobs} blobs\n`);
  }
  if (record.manifest === null) {
    const { code = "INTERNAL", message = "no reason given", where, fix } = record.error ?? {};
    throw new PetrelError(code, message, { where, hint: fix });
  }
  const { records, blobs } = record.manifest;
  await context.say(
    self,
    `backup of ${records} records and ${blobs} blobs in ${record.folder}, on the hub's host`,
    record,
  );
}

export const backupCommand: NounCommands = (noun, context) => {
  withExample(
    noun.argument("<folder>", "where to on the hub's host: empty, or not there yet"),
    "petrel backup /var/backups/petrel/2026-11-22",
  ).action((folder: string, _options: object, self: Command) => backup(context, folder, self));
};
