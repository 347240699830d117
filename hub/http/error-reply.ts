/** Turns whatever a route threw into the status and body that a client gets. */
import { errorReport, httpStatusOf, isPetrelError, PetrelError } from "../../shared/errors.ts";

/** `faultstring` repeats the message for clients written for StackStorm. */
export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly where?: string;
    readonly fix?: string;
  };
  readonly faultstring: string;
}

export interface ErrorReply {
  readonly status: number;
  readonly body: ErrorBody;
  /** True for a fault of our own: it belongs in the log, and its text stays there. */
  readonly unexpected: boolean;
}

/** What ajv says about one place of a request. */
interface SchemaFault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: { readonly additionalProperty?: unknown; readonly allowedValues?: unknown };
}

/** What fastify throws before or instead of a route. */
interface RequestFault {
  readonly message: string;
  readonly statusCode?: number;
  readonly validation?: readonly SchemaFault[];
  readonly validationContext?: string;
}

function describe(fault: SchemaFault): string {
  const place = fault.instancePath.slice(1).replaceAll("/", ".");
  const extra = fault.params.additionalProperty;
  if (typeof extra === "string") return `${place === "" ? "" : `${place}: `}unknown field '${extra}'`;
  const allowed = fault.params.allowedValues;
  const choice = Array.isArray(allowed) ? `: ${allowed.join(", ")}` : "";
  return `${place === "" ? "" : `${place} `}${fault.message ?? fault.keyword}${choice}`;
}

/** All faults of a request in one refusal. */
export function badRequest(faults: readonly SchemaFault[], part: string): PetrelError {
  return new PetrelError("API_BAD_REQUEST", [...new Set(faults.map(describe))].join("; "), {
    where: part,
    hint: "GET /v1/openapi.yaml lists what each route takes",
  });
}

function refusal(error: unknown): { error: PetrelError; status?: number } | null {
  if (isPetrelError(error)) return { error };
  if (!(error instanceof Error)) return null;
  const fault: RequestFault = error;
  if (fault.validation) return { error: badRequest(fault.validation, fault.validationContext ?? "request") };
  const status = fault.statusCode ?? 500;
  // Fastify's own refusals (no JSON, too large, unknown media type) keep their status.
  if (status >= 400 && status < 500)
    return { error: new PetrelError("API_BAD_REQUEST", fault.message), status };
  return null;
}

/** The answer to `error`; `requestId` lets the operator find an unexpected one in the log. */
export function errorReply(error: unknown, requestId: string): ErrorReply {
  const expected = refusal(error);
  const shown =
    expected?.error ??
    new PetrelError("INTERNAL", "the hub could not serve this request", {
      hint: `its log has the cause under request ${requestId}`,
    });
  return {
    status: expected?.status ?? httpStatusOf(shown),
    body: { error: errorReport(shown), faultstring: shown.message },
    unexpected: expected === null,
  };
}
