/** Makes a simulated agent one that is enrolled, over TLS and with a token, as `petrel-agent enroll` does it. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { askHub } from "../agent/identity/ask-mqtt.ts";
import { enroll } from "../agent/identity/enroll-fs.ts";
import type { AgentIdentity } from "../agent/identity/identity.ts";
import { openIdentity } from "../agent/identity/identity-fs.ts";
import { parseToken } from "../shared/identity/enrolment.ts";
import type { Logger } from "../shared/log.ts";
import { systemClock, systemTimers } from "../shared/system-process.ts";
import { version } from "../shared/version.ts";

export interface BenchEnrolment {
  /** As `petrel agent token` shows it. */
  readonly token: string;
  /** `mqtts://HOST:PORT` where hosts may enrol. */
  readonly at: string;
}

const withinMs = 30_000;

/** The identity, in `folder`. */
export async function enrolAgent(
  agent: string,
  folder: string,
  { token: text, at }: BenchEnrolment,
  log: Logger,
): Promise<AgentIdentity> {
  const token = parseToken(text);
  if (token === null) throw new Error("the hub's token is none");
  await enroll({
    data: folder,
    agent,
    hub: at,
    enroll: at,
    token,
    root: `sha256:${token.root}`,
    host: hostname(),
    version,
    askHub: (ask, prover, proof) =>
      askHub({
        url: at,
        prefix: "petrel",
        ask,
        prover,
        proof,
        nonce: randomBytes(16).toString("hex"),
        withinMs,
        clock: systemClock,
        timers: systemTimers,
      }),
    pause: () => new Promise((resolve) => setTimeout(resolve, 200)),
    told: () => {},
  });
  const identity = await openIdentity(folder, log);
  if (identity === null) throw new Error(`${agent} has no identity after its enrolment`);
  return identity;
}
