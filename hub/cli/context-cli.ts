/** What every command gets: the process around it, the global flags, the hub, and a way to print. */
import type { Command } from "commander";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { isLoopback } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import { plainLines } from "../../shared/plain-text.ts";
import { type ApiClient, createApiClient } from "./api-client-http.ts";
import { findHub, hubFolder } from "./hub-address-fs.ts";
import { toJson } from "./output.ts";
import { readTextFile } from "./text-file-fs.ts";

/** Accepted before and after the noun. */
export interface Globals {
  readonly api?: string;
  readonly apiKey?: string;
  /** PEM file of the authority that the API's certificate comes from. */
  readonly apiCa?: string;
  readonly data?: string;
  readonly json?: boolean;
  /** Seconds to wait for a hub that is starting. */
  readonly wait: number;
}

/** Adds arguments, options and verbs to a noun's command. */
export type NounCommands = (noun: Command, context: CliContext) => void;

export interface CliContext {
  readonly io: CliIo;
  globals(command: Command): Globals;
  /** Seconds of a `--wait` on the command line: for a command that can wait for what it began. `null`: it need not. */
  waits(command: Command): number | null;
  /**
   * The client for this command's hub. From here on Ctrl-C ends the command with 130. `usualWaitMs`: how long it waits for
   * a hub that is starting, where no `--wait` says so.
   */
  api(command: Command, usualWaitMs?: number): ApiClient;
  /** One record: JSON with --json, else YAML, which people read well. `short` is what people see of it. */
  printRecord(command: Command, record: unknown, short?: unknown): Promise<void>;
  /** A sentence for people; `record` for --json. */
  say(command: Command, sentence: string, record: unknown): Promise<void>;
}

function address(globals: Globals, io: CliIo) {
  const api = globals.api ?? io.env.PETREL_API;
  if (api !== undefined && !(URL.canParse(api) && /^https?:/.test(api))) {
    throw new PetrelError("CLI_USAGE", `'${api}' is no URL of an API`, {
      hint: "write it as https://HOST:PORT, or http://127.0.0.1:PORT",
    });
  }
  const ca = globals.apiCa ?? io.env.PETREL_API_CA;
  return {
    ca: ca === undefined || ca === "" ? undefined : { path: ca, text: readTextFile(io.cwd, ca) },
    // `--data` names a local hub and so outweighs an address from the environment.
    api: globals.data === undefined ? api : globals.api,
    apiKey: globals.apiKey ?? (globals.data === undefined ? io.env.PETREL_API_KEY : undefined),
    folder: hubFolder(globals.data ?? io.env.PETREL_DATA, io.cwd),
  };
}

/** A hub may insist on speaking without TLS; its people should know what that means. */
function warnOfOpenNetwork(api: string | undefined, io: CliIo): void {
  if (api === undefined || !api.startsWith("http:") || isLoopback(new URL(api).hostname)) return;
  io.err(`warning: ${new URL(api).origin} speaks without TLS: the network can read the API key\n`);
}

export function createContext(io: CliIo): CliContext {
  const globals = (command: Command) => command.optsWithGlobals<Globals>();
  return {
    io,
    globals,
    waits: (command) =>
      command.getOptionValueSourceWithGlobals("wait") === "cli" ? globals(command).wait : null,
    api: (command, usualWaitMs) => {
      io.exitOnInterrupt();
      const given = globals(command);
      const place = address(given, io);
      warnOfOpenNetwork(place.api, io);
      return createApiClient({
        find: () => findHub(place),
        where: place.api ?? place.folder,
        waitMs:
          usualWaitMs !== undefined && command.getOptionValueSourceWithGlobals("wait") !== "cli"
            ? usualWaitMs
            : given.wait * 1000,
        user: io.user,
      });
    },
    printRecord: async (command, record, short = record) => {
      if (globals(command).json) return io.out(toJson(record));
      const { yamlText } = await import("./yaml-text.ts");
      return io.out(plainLines(yamlText(short)));
    },
    say: (command, sentence, record) =>
      io.out(globals(command).json ? toJson(record) : `${plainLines(sentence)}\n`),
  };
}
