/** `GET /v1/stream`: each change of the store as a server-sent event. */
import type { ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { ApiKeys, Caller } from "../access/api-keys.ts";
import type { CatalogueSource } from "../packs/catalogue.ts";
import type { Change } from "../store/port/changes.ts";
import type { Store } from "../store/store.ts";
import { changeFrame, streamTypes } from "./change-frames.ts";

/** A client that has this much unread is cut off: it can come back and read the history. */
const maxUnreadBytes = 4 * 1024 * 1024;
const maxStreams = 256;
/** Proxies close what is silent for a minute; StackStorm beats every 25 s. */
const heartbeatMs = 25_000;

interface Listener {
  /** Who listens: when their key goes, so does the stream. */
  readonly caller: Caller | null;
  readonly response: ServerResponse;
  /** Empty: all of them. */
  readonly types: ReadonlySet<string>;
}

export interface StreamOptions {
  readonly store: Pick<Store, "subscribeChanges">;
  readonly catalogues: CatalogueSource;
  readonly keys: Pick<ApiKeys, "isCurrent">;
  readonly logger: Logger;
}

/** Adds the route; the store is listened to only while somebody streams. */
export function streamRoute(api: FastifyInstance, { store, catalogues, keys, logger }: StreamOptions): void {
  const listeners = new Set<Listener>();
  let unsubscribe: (() => void) | null = null;
  let sending: Promise<void> = Promise.resolve();

  const write = (listener: Listener, frame: string) => {
    if (listener.response.destroyed) return;
    listener.response.write(frame);
    if (listener.response.writableLength <= maxUnreadBytes) return;
    logger.warn("stream cut off: the client does not read", { unread: listener.response.writableLength });
    listener.response.destroy();
  };
  const send = async (changes: readonly Change[]) => {
    const catalogue = await catalogues.current();
    for (const change of changes) {
      const frame = changeFrame(change, catalogue);
      if (frame === null) continue;
      for (const listener of listeners) {
        if (listener.types.size === 0 || listener.types.has(change.type)) write(listener, frame);
      }
    }
  };
  const cutOff = (error: unknown) => {
    logger.error("stream stopped", { error });
    for (const { response } of listeners) response.destroy();
  };
  /** Whose key opens nothing any more listens no more. */
  const cutRevoked = () => {
    for (const { caller, response } of listeners) {
      if (caller !== null && !keys.isCurrent(caller)) response.destroy();
    }
  };
  const listen = () =>
    store.subscribeChanges((changes) => {
      if (changes.some(({ type }) => type === "api-key")) cutRevoked();
      sending = sending.then(() => send(changes)).catch(cutOff);
    });
  const beat = setInterval(() => {
    // Time ends keys as well.
    cutRevoked();
    for (const listener of listeners) write(listener, ": beat\n\n");
  }, heartbeatMs);
  beat.unref();

  api.get<{ Querystring: { types?: string } }>("/v1/stream", {
    schema: {
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: {
          types: { type: "string", pattern: `^(${streamTypes.join("|")})(,(${streamTypes.join("|")}))*$` },
        },
      },
    },
    handler: (request, reply) => {
      if (listeners.size >= maxStreams) {
        throw new PetrelError("API_BUSY", `${maxStreams} streams are open already`, {
          hint: "close one of them",
        });
      }
      const response = reply.hijack().raw;
      const types = new Set(request.query.types?.split(",") ?? []);
      const listener: Listener = { caller: request.caller, response, types };
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      // Said once the listener is in place, so that a client knows from when on it misses nothing.
      listeners.add(listener);
      unsubscribe ??= listen();
      response.write("retry: 1000\n\n");
      response.on("close", () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        unsubscribe?.();
        unsubscribe = null;
      });
    },
  });

  // Before the server waits for its connections: these would never end by themselves.
  api.addHook("preClose", async () => {
    clearInterval(beat);
    for (const { response } of listeners) response.end();
    await sending;
  });
}
