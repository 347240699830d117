/** What is on the wire between agent and hub. */
import type { Codes } from "./entry.ts";

export const linkCodes = {
  WIRE_TOPIC: { status: 400, exit: 1, text: "A topic is none of ours, or not the sender's." },
  WIRE_PACKET: { status: 400, exit: 1, text: "A packet cannot be decoded." },
  WIRE_VERSION: {
    status: 400,
    exit: 1,
    text: "A message is of a newer protocol; upgrade the side that says so.",
  },
  WIRE_TOO_LARGE: { status: 413, exit: 1, text: "A packet exceeds 256 KiB." },
  WIRE_AUTH: { status: 401, exit: 4, text: "A message's authentication does not fit." },
  LINK_ENTRY_TOO_LARGE: { status: 413, exit: 1, text: "An entry exceeds 128 KiB." },
  LINK_OUTBOX_FULL: { status: 507, exit: 1, retry: true, text: "The outbox has reached its cap." },
  LINK_HOLE: { status: 409, exit: 1, text: "Entries are missing before this packet." },
  LINK_INSECURE: { status: 500, exit: 4, text: "A connection off loopback needs enrolment." },
  LINK_CLOSED: { status: 503, exit: 1, retry: true, text: "The link was closed." },
  ASK_TIMEOUT: {
    status: 504,
    exit: 3,
    retry: true,
    text: "A question on the link was not answered in time.",
  },
  ASK_UNKNOWN: { status: 400, exit: 1, text: "The peer does not know this question." },
  BLOB_MISSING: { status: 404, exit: 1, text: "No blob has this digest." },
  BLOB_TOO_LARGE: { status: 413, exit: 1, text: "A blob exceeds 16 MiB." },
  BLOB_CORRUPT: { status: 500, exit: 1, text: "A blob's content does not have its digest." },
  BROKER_UNREACHABLE: { status: 503, exit: 3, retry: true, text: "The MQTT broker does not answer." },
} as const satisfies Codes;
