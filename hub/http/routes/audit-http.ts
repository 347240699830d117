/** Routes of the audit's chain: its end, its verification piece by piece, and the steps behind one execution. */
import type { FastifyInstance } from "fastify";
import { PetrelError } from "../../../shared/errors.ts";
import { parseHead } from "../../audit/note-head.ts";
import { cursorOf, placeOfCursor } from "../cursor.ts";
import { text } from "../list-query.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

interface VerifyQuery {
  readonly cursor?: string;
  /** A head as `petrel audit head` prints it. */
  readonly expect?: string;
}

const verifyPath = "/v1/audit/verify";

export function auditRoutes(api: FastifyInstance, { store }: RouteParts): void {
  api.get("/v1/audit/head", { handler: () => store.auditHead() });
  api.get<{ Querystring: VerifyQuery }>(verifyPath, {
    schema: {
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: { cursor: { type: "string", minLength: 1, maxLength: 4096 }, expect: text },
      },
    },
    handler: async ({ query }) => {
      const at = query.cursor === undefined ? undefined : placeOfCursor(verifyPath, query.cursor);
      const { cursor, ...page } = await store.verifyAudit(at, notedIn(query.expect));
      return { ...page, ...(cursor !== undefined && { cursor: cursorOf(verifyPath, cursor) }) };
    },
  });
  api.get<{ Params: { id: string } }>("/v1/audit/trace/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) =>
      found(await store.traceAudit(id), "row of the audit about", id, "petrel execution list"),
  });
}

function notedIn(expect: string | undefined) {
  if (expect === undefined) return undefined;
  const noted = parseHead(expect);
  if (noted !== null) return noted;
  throw new PetrelError("API_BAD_REQUEST", "expect is no head of the audit's chain", {
    where: "querystring",
    hint: "write it as `petrel audit head` prints it: a number, a colon, 64 hex digits",
  });
}
