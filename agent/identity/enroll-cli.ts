/** `petrel-agent enroll` */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { backoffMs } from "../../shared/backoff.ts";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { flagsOf } from "../../shared/cli/config-flags.ts";
import { type AgentConfig, agentSettings } from "../../shared/config/agent-config.ts";
import { resolveConfig } from "../../shared/config/config.ts";
import { readConfigFile } from "../../shared/config/read-config-fs.ts";
import { errorReport, PetrelError } from "../../shared/errors.ts";
import { isRootlessToken, parseToken, type TokenText, tokenRoot } from "../../shared/identity/enrolment.ts";
import { layoutOf } from "../../shared/install/layout.ts";
import { hasSystemd, systemctl } from "../../shared/install/service-process.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../shared/system-process.ts";
import { version } from "../../shared/version.ts";
import { textIfThere } from "../../shared/whole-file-fs.ts";
import { agentFolder, systemConfig } from "../agent-folder-fs.ts";
import { agentProduct } from "../install/product.ts";
import { startOf } from "../install/start-fs.ts";
import { askHub } from "./ask-mqtt.ts";
import { type Enrolled, enroll } from "./enroll-fs.ts";
import { readFleetFile } from "./identity-fs.ts";
import { ownId } from "./member-mqtt.ts";

export interface EnrollFlags {
  readonly data?: string;
  readonly config?: string;
  readonly hub?: string;
  readonly enrollAt?: string;
  readonly id?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly root?: string;
  readonly json?: boolean;
}

const topicPrefix = "petrel";
const answerWithinMs = 15_000;
/** Between two asks: a host that waits for a person asks seldom. */
const patience = { firstMs: 2_000, mostMs: 30_000 };
const tokenVariable = "PETREL_ENROLL_TOKEN";
const rootPattern = /^sha256:[0-9a-f]{64}$/;

/** The token from a flag, a file, standard input (`-`) or the environment; `null`: none. CLI_USAGE, FILE_UNREADABLE. */
export async function tokenOf(
  io: CliIo,
  flags: Pick<EnrollFlags, "token" | "tokenFile">,
): Promise<TokenText | null> {
  const text = await tokenText(io, flags);
  if (text === null) return null;
  const token = parseToken(text);
  if (token !== null) return token;
  if (isRootlessToken(text)) {
    throw new PetrelError(
      "CLI_USAGE",
      "this token is of an older kind, which does not say which hub to believe",
      {
        hint: "make another one on the hub: petrel agent token",
      },
    );
  }
  throw new PetrelError("CLI_USAGE", "this is no enrolment token", {
    hint: "give the whole line that `petrel agent token` prints: petrel-token-2.…",
  });
}

/** What stands where the flags say, as it is; standard input can be read once only. FILE_UNREADABLE. */
export async function tokenText(
  io: CliIo,
  { token, tokenFile }: Pick<EnrollFlags, "token" | "tokenFile">,
): Promise<string | null> {
  if (token === "-") {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks).toString("utf8");
  }
  if (token !== undefined) return token;
  if (tokenFile === undefined) return io.env[tokenVariable] ?? null;
  const text = await textIfThere(resolve(io.cwd, tokenFile));
  if (text === null) throw new PetrelError("FILE_UNREADABLE", "there is no such file", { where: tokenFile });
  return text;
}

/** The fingerprint of the root key to expect, or how it begins. CLI_USAGE, HUB_UNTRUSTED. */
export function rootOf(given: string | undefined, token: Pick<TokenText, "root"> | null): string {
  if (given === undefined && token !== null) return `sha256:${token.root}`;
  if (given === undefined || !rootPattern.test(given)) {
    throw new PetrelError(
      "CLI_USAGE",
      "a host enrols with a token, or with the fingerprint of the fleet's root key",
      {
        hint: "--token TOKEN (petrel agent token), or --root sha256:… (petrel hub root show) and somebody who approves it",
      },
    );
  }
  if (token !== null && tokenRoot(given) !== token.root) {
    throw new PetrelError("HUB_UNTRUSTED", "the token is of a hub with another root key than --root says", {
      where: given,
      hint: "compare with `petrel hub root show` on the hub, or take a fresh token from it",
    });
  }
  return given;
}

/** Enrols as the flags and the configuration say; see `enroll`. `data`: the folder that the identity is in. */
export async function enrollHost(
  io: CliIo,
  flags: EnrollFlags,
  signal?: AbortSignal,
): Promise<Enrolled & { readonly data: string }> {
  const named = flags.config === undefined ? undefined : resolve(io.cwd, flags.config);
  const { values } = resolveConfig<AgentConfig>(agentSettings, {
    file: await readConfigFile(named, systemConfig),
    env: io.env,
    flags: flagsOf({ ...flags }, { data: "data", hub: "hub", id: "id" }),
  });
  const { hub } = values;
  if (hub === null) {
    throw new PetrelError("CLI_USAGE", "where is the hub?", { hint: "give it with --hub mqtts://HOST:PORT" });
  }
  const token = await tokenOf(io, flags);
  const root = rootOf(flags.root, token);
  const enrollAt = flags.enrollAt ?? io.env.PETREL_ENROLL_AT ?? hub;
  const data = agentFolder(values.data, io.cwd);
  const enrolled = await enroll({
    data,
    agent: values.id ?? ownId(hostname()),
    hub,
    enroll: enrollAt,
    token,
    root,
    host: hostname(),
    version,
    askHub: (ask, prover, proof) =>
      askHub({
        url: enrollAt,
        prefix: topicPrefix,
        ask,
        prover,
        proof,
        nonce: Buffer.from(systemRandom(16)).toString("hex"),
        withinMs: answerWithinMs,
        clock: systemClock,
        timers: systemTimers,
        ...(signal !== undefined && { signal }),
      }),
    pause: (attempt) => pause(backoffMs(patience, attempt, systemJitter())),
    told: (news) => {
      if (news.type === "away") return io.err(`${errorReport(news.error).message}; trying again\n`);
      io.err(
        `waiting to be approved; this host's key is ${news.fingerprint}\non the hub: petrel agent approve ID --fingerprint ${news.fingerprint}\n`,
      );
    },
  });
  return { ...enrolled, data };
}

/** Keeps the process alive, unlike the system's timers. */
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs the command. */
export async function runEnroll(io: CliIo, flags: EnrollFlags): Promise<void> {
  io.exitOnInterrupt("not enrolled yet; the same command goes on with the same key\n");
  const { agent, hub, fingerprint, wasThere, data } = await enrollHost(io, flags);
  const sentence = wasThere ? `${agent} is enrolled already at ${hub}` : `${agent} is enrolled at ${hub}`;
  const record = { agent, hub, fingerprint, already: wasThere };
  const next = await startOf({
    layout: layoutOf(agentProduct),
    data,
    service: hasSystemd() ? systemctl() : null,
  });
  await io.out(flags.json ? `${JSON.stringify({ ...record, next })}\n` : `${sentence}\nnow: ${next}\n`);
}

/** Before `run`: a host that is set up by a program has its token before its first start, and nobody to run two commands. */
export async function enrollFirst(io: CliIo, flags: EnrollFlags & { readonly data: string }): Promise<void> {
  if ((await readFleetFile(flags.data)) !== null || (await tokenOf(io, flags)) === null) return;
  await enrollHost(io, flags);
}
