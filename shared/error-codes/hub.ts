/** The hub and its API. */
import type { Codes } from "./entry.ts";

export const hubCodes = {
  HUB_UNREACHABLE: { status: 503, exit: 3, retry: true, text: "The hub's API does not answer." },
  HUB_INSECURE_LISTEN: {
    status: 500,
    exit: 4,
    text: "A listener off loopback needs TLS, or enrolment of agents.",
  },
  HUB_PORT_IN_USE: { status: 500, exit: 1, text: "A port the hub wants is taken." },
  HUB_ALREADY_RUNNING: { status: 500, exit: 1, text: "Another process holds the data folder." },
  API_UNAUTHORIZED: { status: 401, exit: 4, text: "The API key is missing or wrong." },
  API_FORBIDDEN: { status: 403, exit: 4, text: "The API key's role or scopes do not allow this." },
  API_TOO_MANY_FAILURES: {
    status: 429,
    exit: 4,
    retry: true,
    text: "Too many wrong API keys came from this address; it is not listened to for a while.",
  },
  API_CERTIFICATE: { status: 502, exit: 4, text: "The certificate of the hub's API is not trusted." },
  APIKEY_INVALID: { status: 400, exit: 2, text: "An API key cannot be made or changed like that." },
  API_BAD_REQUEST: { status: 400, exit: 2, text: "A request to the API is malformed." },
  API_NOT_FOUND: { status: 404, exit: 1, text: "The API has no such route." },
  API_BUSY: { status: 503, exit: 1, retry: true, text: "The API has as many open streams as it allows." },
  NOT_FOUND: { status: 404, exit: 1, text: "No record has this id or ref." },
  ALREADY_EXISTS: { status: 409, exit: 1, text: "A record with this ref exists." },
  INTERNAL: { status: 500, exit: 1, text: "A fault of Petrel's own; please report it." },
} as const satisfies Codes;
