/** The runner `http-request` (st2 docs, Action Runners): one HTTP request, with Node's own client. */

import { Buffer } from "node:buffer";
import type { Agent, IncomingMessage } from "node:http";
import type { Agent as TlsAgent } from "node:https";
import { pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createUnzip } from "node:zlib";
import { addressPatience } from "../../../shared/address-patience.ts";
import { errorMessage } from "../../../shared/error-message.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { http, https } from "../../../shared/node-http.ts";
import { type RunOutcome, type StopReason, unstartedOutcome } from "../outcome.ts";
import {
  answered,
  type HttpAnswer,
  type HttpPlan,
  mostRedirects,
  planRequest,
  redirected,
} from "./http-request.ts";
import type { Runner } from "./runner.ts";

export interface HttpSettings {
  /** Bytes of a body that a result keeps. */
  readonly outputCapBytes: number;
}

/**
 * The request has its effect elsewhere: its start is on disk before it goes out, so that after a crash it is sent again
 * only for an action that is idempotent. Ends with its connection at a timeout or cancel.
 */
export function httpRequestRunner(settings: HttpSettings): Runner {
  return {
    name: "http-request",
    mayPause: false,
    async run(request, context) {
      const plan = planRequest(request.runner_parameters, request.parameters ?? {});
      await context.started(null);
      try {
        return await exchange(plan, settings.outputCapBytes, context.stop);
      } catch (error) {
        if (context.stop.aborted) return unstartedOutcome(context.stop.reason as StopReason);
        return failed(error);
      }
    },
  };
}

async function exchange(first: HttpPlan, capBytes: number, stop: AbortSignal): Promise<RunOutcome> {
  const agents = agentsFor(first);
  try {
    let plan = first;
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const answer = await send(plan, agents, capBytes, stop);
      const next = redirected(plan, answer);
      if (next === null) return answered(answer);
      plan = next;
    }
    throw new PetrelError("PARAMETER_INVALID", `more than ${mostRedirects} redirects`);
  } finally {
    agents.http.destroy();
    agents.https.destroy();
  }
}

interface Agents {
  readonly http: Agent;
  readonly https: TlsAgent;
}

function agentsFor({ proxies, verifiesCertificate }: HttpPlan): Agents {
  const proxyEnv = {
    ...(proxies.http !== null && { HTTP_PROXY: proxies.http }),
    ...(proxies.https !== null && { HTTPS_PROXY: proxies.https }),
  };
  return {
    http: new http.Agent({ proxyEnv }),
    https: new https.Agent({ proxyEnv, rejectUnauthorized: verifiesCertificate }),
  };
}

async function send(
  plan: HttpPlan,
  agents: Agents,
  capBytes: number,
  stop: AbortSignal,
): Promise<HttpAnswer> {
  const { method, url, headers } = plan;
  const { body, type } = await bodyToSend(plan);
  const isTls = url.protocol === "https:";
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = {
      method,
      headers: {
        ...headers,
        ...(type !== null && { "content-type": type }),
        ...(body !== null && { "content-length": String(body.length) }),
      },
      agent: isTls ? agents.https : agents.http,
      signal: stop,
      ...addressPatience,
    };
    const sent = (isTls ? https : http).request(url, options, resolve);
    sent.on("error", reject);
    sent.end(body ?? undefined);
  });
  const { body: read, isCut } = await readBody(response, method === "HEAD", capBytes);
  return { status: response.statusCode ?? 0, rawHeaders: response.rawHeaders, body: read, isCut };
}

async function bodyToSend({ body, file }: HttpPlan): Promise<{ body: Buffer | null; type: string | null }> {
  if (file === null) return { body, type: null };
  const form = new FormData();
  form.append(file.name, new File([file.content], file.name, { type: file.contentType ?? "" }));
  const encoded = new Response(form);
  return { body: Buffer.from(await encoded.arrayBuffer()), type: encoded.headers.get("content-type") };
}

/** Reads up to the cap, and hangs up on the rest. */
function readBody(
  response: IncomingMessage,
  isHead: boolean,
  capBytes: number,
): Promise<{ body: Buffer; isCut: boolean }> {
  return new Promise((resolve, reject) => {
    // An answer to HEAD says how a body would be packed, and has none (RFC 9110, section 9.3.2).
    const source = isHead ? response : decompressed(response, reject);
    const pieces: Buffer[] = [];
    let size = 0;
    source.on("data", (piece: Buffer) => {
      pieces.push(piece.subarray(0, capBytes - size));
      size += piece.length;
      if (size <= capBytes) return;
      resolve({ body: Buffer.concat(pieces), isCut: true });
      source.destroy();
      response.destroy();
    });
    source.on("end", () => resolve({ body: Buffer.concat(pieces), isCut: false }));
    source.on("error", reject);
    response.on("aborted", () => reject(new Error("the connection ended in the middle of the answer")));
  });
}

/** Nobody asks for it, some send it all the same. */
function decompressed(response: IncomingMessage, failed: (error: Error) => void): Readable {
  const encoding = response.headers["content-encoding"]?.toLowerCase();
  const decoder =
    encoding === "gzip" || encoding === "x-gzip" || encoding === "deflate"
      ? createUnzip()
      : encoding === "br"
        ? createBrotliDecompress()
        : null;
  if (decoder === null) return response;
  pipeline(response, decoder, (error) => {
    if (error) failed(error);
  });
  return decoder;
}

/** The message of a failed connection names host and port, and nothing of what was sent. */
function failed(error: unknown): RunOutcome {
  const { code } = error as { readonly code?: string };
  const message = error instanceof Error ? errorMessage(error) : "";
  const text = message || code || "the request failed";
  return {
    status: "failed",
    result: { error: text, ...(code !== undefined && { code }) },
    reason: text.slice(0, 200),
  };
}
