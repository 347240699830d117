/** Routes of executions: run an action, see what came of it, cancel it. */

import type { FastifyInstance } from "fastify";
import { maxBlobBytes } from "../../../shared/blobs/blob-ref.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { statuses } from "../../../shared/model/execution.ts";
import type { ActionTarget } from "../../../shared/model/rule.ts";
import { childrenPage } from "../../executions/children.ts";
import type { RollOut } from "../../executions/fan-out.ts";
import { withWholeResult } from "../../executions/large-result.ts";
import { isFinal } from "../../executions/life.ts";
import type { Offsets } from "../../executions/live-output.ts";
import type { ExecutionFilter } from "../../store/port/executions.ts";
import { actorOf } from "../gate-http.ts";
import { sendList } from "../list-http.ts";
import { listQuerySchema, text } from "../list-query.ts";
import { executionView, nextAttempt, outputView, runPreviewView } from "../views.ts";
import { found, pathSchema, type RouteParts } from "./parts.ts";

/** The largest parameters, and some room: what is beyond them is refused with their size, not for being a large body. */
const maxBodyBytes = maxBlobBytes + 1024 * 1024;

/** About a hundred, with commas between. */
const idList = { type: "string", pattern: "^[^,]+(,[^,]+)*$", maxLength: 2_700 } as const;

interface ListedBy extends Omit<ExecutionFilter, "ids"> {
  readonly ids?: string;
}

const user = { type: "string", minLength: 1, maxLength: 256 } as const;
const target = {
  oneOf: [
    { const: "hub" },
    {
      type: "object",
      required: ["host"],
      additionalProperties: false,
      properties: { host: { type: "string", minLength: 1 } },
    },
    {
      type: "object",
      required: ["labels"],
      additionalProperties: false,
      properties: {
        labels: { type: "object", additionalProperties: { type: "string" } },
        mode: { enum: ["all", "any"] },
        limit: { type: "integer", minimum: 1 },
      },
    },
  ],
} as const;

interface RunBody {
  readonly action: string;
  readonly parameters?: JsonObject;
  readonly target?: ActionTarget;
  readonly user?: string;
  readonly trace_tag?: string;
  readonly delay?: number;
  readonly start_at?: string;
  readonly roll_out?: RollOut;
  readonly dry_run?: boolean;
}

interface RerunBody {
  readonly parameters?: JsonObject;
  readonly user?: string;
  readonly delay?: number;
  readonly start_at?: string;
}

/** When to start: seconds from now, or an instant. */
const when = {
  delay: { type: "number", minimum: 0, maximum: 366 * 86_400 },
  start_at: { type: "string", format: "date-time" },
} as const;
/** Bytes of a stream that the client has already. */
const offset = { type: "integer", minimum: 0 } as const;
const count = (minimum: number) => ({ type: "integer", minimum, maximum: 1_000_000 }) as const;
const rollOut = {
  type: "object",
  additionalProperties: false,
  properties: { batch: count(1), canary: count(0), max_failures: count(0) },
} as const;

const instantOf = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));

export function executionRoutes(
  api: FastifyInstance,
  { store, operations, catalogues, readBlob, output }: RouteParts,
): void {
  const filters = {
    action: text,
    status: { enum: statuses },
    agent: text,
    rule: text,
    trigger_instance: text,
    user: text,
    trace_tag: { ...text, maxLength: 1024 },
    parent: text,
    ids: idList,
  };
  api.get<{ Querystring: ListedBy }>("/v1/executions", {
    schema: { querystring: listQuerySchema(filters, { since: true }) },
    handler: async (request, reply) => {
      const { action, status, agent, rule, trigger_instance, user, trace_tag, parent } = request.query;
      const ids = request.query.ids?.split(",");
      const filter = { action, status, agent, rule, trigger_instance, user, trace_tag, parent, ids };
      const catalogue = await catalogues.current();
      return sendList(request, reply, {
        page: (page) => store.executions(filter, page),
        view: (execution) => executionView(catalogue, execution),
      });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/executions/:id", {
    schema: { params: pathSchema("id") },
    handler: async ({ params: { id } }) => {
      const execution = found(await store.execution(id), "execution", id);
      return executionView(await catalogues.current(), await withWholeResult(execution, readBlob));
    },
  });
  api.get<{ Params: { id: string }; Querystring: Partial<Offsets> }>("/v1/executions/:id/output", {
    schema: {
      params: pathSchema("id"),
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: { stdout: offset, stderr: offset },
      },
    },
    handler: async ({ params: { id }, query: { stdout = 0, stderr = 0 } }) => {
      const execution = found(await store.execution(id), "execution", id);
      const known = { stdout, stderr };
      const live = output.since(execution.agent, id, known);
      const whole = await withWholeResult(execution, readBlob);
      const { status, result, result_blob: large } = whole;
      // A large result comes after its execution's end.
      const ended = isFinal(status) && (result !== null || large === null);
      const pieces = outputView(await catalogues.current(), { ...whole, ended }, live, known);
      return { status, ended, pieces, ...nextAttempt(execution) };
    },
  });
  api.post<{ Body: RunBody }>("/v1/executions", {
    bodyLimit: maxBodyBytes,
    schema: {
      body: {
        type: "object",
        required: ["action"],
        additionalProperties: false,
        properties: {
          action: { type: "string", minLength: 1, maxLength: 300 },
          parameters: { type: "object" },
          target,
          user,
          trace_tag: { type: "string", maxLength: 1024 },
          ...when,
          roll_out: rollOut,
          dry_run: { type: "boolean" },
        },
      },
    },
    handler: async (request, reply) => {
      const { body } = request;
      const asked = {
        action: body.action,
        parameters: body.parameters ?? {},
        target: body.target,
        user: actorOf(request, body.user),
        trace_tag: body.trace_tag,
        delay: body.delay,
        start_at_ms: instantOf(body.start_at),
        roll_out: body.roll_out,
      };
      if (body.dry_run === true) {
        return runPreviewView(await catalogues.current(), await operations.previewRun(asked));
      }
      const executions = await operations.run(asked);
      const catalogue = await catalogues.current();
      return reply
        .code(201)
        .send({ items: executions.map((execution) => executionView(catalogue, execution)) });
    },
  });
  api.get<{ Params: { id: string } }>("/v1/executions/:id/children", {
    schema: { params: pathSchema("id"), querystring: listQuerySchema({}, { since: false }) },
    handler: async (request, reply) => {
      const { id } = request.params;
      const parent = found(await store.execution(id), "execution", id);
      const catalogue = await catalogues.current();
      return sendList(request, reply, {
        page: (page) => childrenPage(store, parent, page),
        view: (child) => executionView(catalogue, child),
      });
    },
  });
  api.post<{ Params: { id: string }; Body: RerunBody | null }>("/v1/executions/:id/re-run", {
    bodyLimit: maxBodyBytes,
    schema: {
      params: pathSchema("id"),
      body: {
        type: ["object", "null"],
        additionalProperties: false,
        properties: { parameters: { type: "object" }, user, ...when },
      },
    },
    handler: async (request, reply) => {
      const { body } = request;
      const made = await operations.rerun(request.params.id, {
        parameters: body?.parameters ?? {},
        user: actorOf(request, body?.user),
        delay: body?.delay,
        start_at_ms: instantOf(body?.start_at),
      });
      return reply.code(201).send(executionView(await catalogues.current(), made));
    },
  });
  const wishes = { pause: operations.pauseExecution, resume: operations.resumeExecution };
  for (const [name, ask] of Object.entries(wishes)) {
    api.post<{ Params: { id: string }; Querystring: { user?: string } }>(`/v1/executions/:id/${name}`, {
      schema: {
        params: pathSchema("id"),
        querystring: { type: "object", additionalProperties: false, properties: { user } },
      },
      handler: async (request) => {
        const done = await ask(request.params.id, actorOf(request, request.query.user));
        return executionView(await catalogues.current(), done);
      },
    });
  }
  api.delete<{ Params: { id: string }; Querystring: { user?: string } }>("/v1/executions/:id", {
    schema: {
      params: pathSchema("id"),
      querystring: { type: "object", additionalProperties: false, properties: { user } },
    },
    handler: async (request) => {
      const user = actorOf(request, request.query.user);
      const canceled = await operations.cancelExecution(request.params.id, user);
      return executionView(await catalogues.current(), canceled);
    },
  });
}
