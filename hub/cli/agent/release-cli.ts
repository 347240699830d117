/** `petrel agent release add | list | remove`: the binaries that agents may become. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { ReleaseView } from "../../http/routes/agent-releases-http.ts";
import type { CliContext } from "../context-cli.ts";
import { toJson, toTable } from "../output.ts";
import { ago } from "../relative-time.ts";

const path = "/v1/agent-releases";

export interface AddFlags {
  readonly release?: string;
  readonly arch?: string;
  readonly sha256?: string;
  readonly sums?: string;
  readonly minAgent?: string;
  readonly minHub?: string;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Sends one file to the hub, and has it added. */
export async function addRelease(
  command: Command,
  context: CliContext,
  file: string,
  flags: AddFlags,
): Promise<ReleaseView> {
  // Loaded when it is used: other commands of this noun compress nothing.
  const { sendParts, withRelease } = await import("./release-file-process.ts");
  const { io } = context;
  const api = context.api(command);
  const quiet = context.globals(command).json === true;
  return withRelease(resolve(io.cwd, file), flags, io.cwd, async (release) => {
    const { path: copy, version, arch, sha256, storeFormat } = release;
    let sent = 0;
    const { bytes, parts } = await sendParts(copy, sha256, async ({ digest, size }, part) => {
      await api.ask("PUT", `/v1/agent-release-parts/${encodeURIComponent(digest)}`, { bytes: part });
      sent += size;
      if (!quiet) io.err(`${version} ${arch}: ${megabytes(sent)} sent\n`);
    });
    const body = {
      v: 1,
      version,
      arch,
      sha256,
      bytes,
      parts,
      min_agent: flags.minAgent ?? null,
      min_hub: flags.minHub ?? null,
      store_format: storeFormat,
    };
    return api.ask<ReleaseView>("POST", path, { body });
  });
}

export function withReleaseOptions(command: Command): Command {
  return command
    .option("--release <version>", "its version, for a file that cannot be run here")
    .option("--arch <arch>", "x64 or arm64, for a file that does not show it")
    .option("--sha256 <hex>", "the digest that it must have")
    .option("--sums <file>", "a SHA256SUMS that has a line for it")
    .option("--min-agent <version>", "agents that are older have to go by this version")
    .option("--min-hub <version>", "hubs that are older do not hand it out");
}

export function releaseCommands(noun: Command, context: CliContext): void {
  const release = noun.command("release").description("the binaries that agents can be upgraded to");
  withExample(release, "petrel agent release list");
  withExample(
    withReleaseOptions(
      release.command("add <file...>").description("give the hub a binary of the agent to hand out"),
    ),
    "petrel agent release add dist/petrel-agent-linux-x64 --sums dist/SHA256SUMS",
    "petrel agent release add dist/petrel-agent-linux-arm64 --release 0.2.0",
  ).action(async (files: readonly string[], flags: AddFlags, self: Command) => {
    if (flags.sha256 !== undefined && files.length > 1)
      throw new PetrelError("CLI_USAGE", "--sha256 goes with one file", { hint: "give --sums SHA256SUMS" });
    const added: ReleaseView[] = [];
    for (const file of files) added.push(await addRelease(self, context, file, flags));
    const lines = added.map(
      (one) =>
        `${one.version} ${one.arch}: ${megabytes(one.bytes)}, ${megabytes(one.compressed_bytes)} to send, sha256 ${one.sha256}`,
    );
    await context.say(self, lines.join("\n"), added);
  });
  withExample(
    release.command("list").description("list the binaries that the hub can hand out"),
    "petrel agent release list",
  ).action(async (_options: object, self: Command) => {
    const { items } = await context.api(self).ask<{ items: readonly ReleaseView[] }>("GET", path);
    if (context.globals(self).json) return context.io.out(toJson(items));
    const table = toTable(
      items,
      [
        { header: "VERSION", value: (one) => one.version },
        { header: "ARCH", value: (one) => one.arch },
        { header: "SIZE", value: (one) => megabytes(one.bytes) },
        { header: "TO SEND", value: (one) => megabytes(one.compressed_bytes) },
        { header: "SHA256", value: (one) => one.sha256, cut: true },
        { header: "ADDED", value: (one, now) => ago(one.added_at, now) },
        { header: "BY", value: (one) => one.added_by },
      ],
      { columns: context.io.columns, nowMs: context.io.now() },
    );
    await context.io.out(table);
  });
  withExample(
    release
      .command("remove <version>")
      .description("forget a binary; a rollout that has begun goes on with it")
      .option("--arch <arch>", "only that for x64, or arm64"),
    "petrel agent release remove 0.1.0",
  ).action(async (version: string, { arch }: { arch?: string }, self: Command) => {
    const { items } = await context
      .api(self)
      .ask<{ items: readonly ReleaseView[] }>("DELETE", `${path}/${encodeURIComponent(version)}`, {
        query: { arch },
      });
    await context.say(self, items.map((one) => `${one.version} ${one.arch}: removed`).join("\n"), items);
  });
}
