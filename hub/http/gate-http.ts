/** The gate of the API: who asks, whether they may, and what is written down of it before they are answered. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Clock, timestamp } from "../../shared/clock.ts";
import { isLoopback, plainAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import { type ApiKeys, type Caller, localKeyId } from "../access/api-keys.ts";
import { requireAuthority } from "../access/authority.ts";
import type { GuessBrake } from "../access/guess-brake.ts";
import { keyId } from "../access/key-form.ts";
import { askedKeyRef } from "../access/key-ref.ts";
import { decrypting, type Permission, permissions, publicRoutes, routeName } from "../access/permissions.ts";
import { isNoted, isPlenty, requestRecord } from "../access/request-note.ts";
import type { Store } from "../store/store.ts";
import { errorReply } from "./error-reply.ts";
import { claimedUser, presentedKey } from "./presented-key.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** True for a route that also takes its key from the query. */
    readonly keyInQuery?: boolean;
  }
  interface FastifyRequest {
    /** `null` until the gate has let it in, and at routes that ask for no key. */
    caller: Caller | null;
    /** Whom it is done for, where that is not the caller. */
    actsAs: string | null;
    permission: Permission | null;
    /** What it is about, once that is known: `concerns` says so of what is new. */
    ref: string | null;
    /** Code of the error that it is answered with. */
    refusal: string | null;
    /** Nothing is written down of it: so much has been, of others like it. */
    unnoted: boolean;
  }
}

export interface GateOptions {
  readonly keys: ApiKeys;
  readonly store: Pick<Store, "noteApiRequest">;
  readonly brake: GuessBrake;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
}

/** Of who asks. */
export function addressOf(request: FastifyRequest): string {
  return plainAddress(request.socket.remoteAddress ?? "unknown");
}

/** Who is to be named for what a request does. Only the holder of the local key may name somebody else. */
export function actorOf(request: FastifyRequest, claimed?: string): string {
  const { caller } = request;
  if (caller === null) throw new PetrelError("API_UNAUTHORIZED", "this needs an API key");
  if (!caller.isLocal) return caller.name;
  if (claimed !== undefined) request.actsAs = claimed;
  return request.actsAs ?? caller.name;
}

/** Says what a request has made, for the log of requests. */
export function concerns(request: FastifyRequest, ref: string): void {
  request.ref = ref;
}

function refOf({ params, query, permission, actsAs, caller }: FastifyRequest): string | null {
  if (!isObject(params)) return null;
  const last = Object.values(params).at(-1);
  if (typeof last !== "string") return null;
  return permission?.noun === "key" ? askedKeyRef(last, query, actsAs ?? caller?.name ?? "") : last;
}

/** Not before the request is checked: a body or a query says what it is about. */
const isNamedLater = ({ refIn, noun }: Permission, ref: string | null) =>
  refIn !== undefined || (noun === "key" && ref !== null);

/** Text, as it is not checked yet: whatever is not surely a no is a yes. */
const asksForSecrets = (query: unknown) =>
  isObject(query) && query.decrypt !== undefined && query.decrypt !== "false";

function permissionOf(request: FastifyRequest): Permission | null {
  const { url } = request.routeOptions;
  if (url === undefined) return null;
  const name = routeName(request.method, url);
  const permission = permissions.get(name);
  // A route that the table has forgotten is for nobody but admins.
  if (permission === undefined) return { noun: "hub", verb: "unlisted", role: "admin", reads: false };
  return permission.noun === "key" && permission.reads && asksForSecrets(request.query)
    ? decrypting
    : permission;
}

const wrongKey = (why: string) =>
  new PetrelError("API_UNAUTHORIZED", why, {
    hint: "send `Authorization: Bearer KEY`; a local hub's is in api.json in its data folder, an admin makes others",
  });

/** Adds the hooks. They must come before the routes. */
export function addGate(api: FastifyInstance, options: GateOptions): void {
  const { keys, store, brake, clock, newId, log } = options;
  api.decorateRequest("caller", null);
  api.decorateRequest("actsAs", null);
  api.decorateRequest("permission", null);
  api.decorateRequest("ref", null);
  api.decorateRequest("refusal", null);
  api.decorateRequest("unnoted", false);

  const identify = (request: FastifyRequest, reply: FastifyReply): Caller => {
    const address = addressOf(request);
    const query = request.routeOptions.config.keyInQuery === true ? request.query : null;
    const presented = presentedKey(request.headers, query);
    const id = presented === null ? null : (keyId(presented) ?? localKeyId);
    const now = clock.monotonic();
    // Whoever can log in to this machine could lock out its administrator otherwise.
    const verdict = id === localKeyId && isLoopback(address) ? "listen" : brake.verdict(address, id, now);
    if (verdict !== "listen") {
      request.unnoted = verdict === "refuse";
      const seconds = brake.retryAfter(address, now);
      if (verdict === "refuse-first")
        log.warn("too many wrong API keys: not listened to for a while", { address });
      reply.header("retry-after", String(seconds));
      throw new PetrelError("API_TOO_MANY_FAILURES", `too many wrong API keys came from ${address}`, {
        hint: `wait ${seconds} s, then come with the right one`,
      });
    }
    if (presented === null || id === null) {
      brake.failed(address, now);
      throw wrongKey("this needs an API key");
    }
    const found = keys.identify(presented);
    if ("why" in found) {
      brake.failed(address, now);
      throw wrongKey(found.why);
    }
    brake.succeeded(address, found.caller.id, now);
    keys.used(found.caller, address);
    return found.caller;
  };

  api.addHook("onRequest", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff").header("cache-control", "no-store");
    const { url } = request.routeOptions;
    if (url !== undefined && publicRoutes.has(routeName(request.method, url))) return;
    const permission = permissionOf(request);
    request.permission = permission;
    request.ref = refOf(request);
    const caller = identify(request, reply);
    request.caller = caller;
    if (caller.isLocal) request.actsAs = claimedUser(request.headers);
    if (permission === null) return;
    request.ref = refOf(request);
    requireAuthority(caller, permission, isNamedLater(permission, request.ref) ? undefined : request.ref);
  });

  api.addHook("preHandler", async (request) => {
    const { permission, caller, body } = request;
    if (permission === null || caller === null || !isNamedLater(permission, request.ref)) return;
    if (permission.refIn === undefined) {
      request.ref = refOf(request);
    } else {
      const ref = isObject(body) ? body[permission.refIn] : null;
      request.ref = typeof ref === "string" ? ref : null;
    }
    requireAuthority(caller, permission, request.ref);
  });

  api.addHook("onSend", async (request, reply, payload) => {
    const { permission, caller, unnoted } = request;
    const status = reply.statusCode;
    if (unnoted || !isNoted({ permission, status })) return payload;
    // Whatever comes of it: the answer to a failure here passes this place again.
    request.unnoted = true;
    const record = requestRecord({
      id: newId(),
      at: timestamp(clock.now()),
      caller,
      claimed: request.actsAs,
      address: addressOf(request),
      permission,
      ref: request.ref,
      method: request.method,
      status,
      code: request.refusal,
    });
    try {
      await store.noteApiRequest(record, isPlenty({ caller, permission }));
      return payload;
    } catch (cause) {
      log.error("a request could not be noted", { ...record, error: cause });
      const error = new PetrelError(
        "STORE_WRITE",
        "what was asked for may be done, but it could not be noted",
        {
          hint: "look at how things are before you ask again; the hub's log has the cause",
          cause,
        },
      );
      if (request.refusal === null) throw error;
      // A refusal on its way has been through the error handler, and Fastify would put its own words in its place.
      const { status: mended, body } = errorReply(error, request.id);
      reply.code(mended).removeHeader("content-length");
      return JSON.stringify(body);
    }
  });
}
