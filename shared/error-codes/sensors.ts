/** Sensors. */
import type { Codes } from "./entry.ts";

export const sensorCodes = {
  SENSOR_INVALID: { status: 400, exit: 1, text: "A sensor's file or class cannot be loaded." },
  SENSOR_PROTOCOL: {
    status: 400,
    exit: 1,
    text: "A sensor wrote a line that is no message of the protocol.",
  },
  SENSOR_EXITED: { status: 500, exit: 1, text: "A sensor's process ended." },
  SENSOR_NOT_READY: {
    status: 500,
    exit: 1,
    text: "A sensor of a new version or configuration said nothing for too long and was not ready: it goes on as before.",
  },
  SENSOR_NOT_RUNNING: {
    status: 503,
    exit: 1,
    retry: true,
    text: "A sensor that was asked something does not run on this agent, or not yet.",
  },
  SENSOR_BUSY: {
    status: 503,
    exit: 1,
    retry: true,
    text: "A sensor has as many unanswered questions as it may have.",
  },
  SENSOR_ASK_UNKNOWN: { status: 400, exit: 1, text: "A sensor does not know this question." },
  SENSOR_ASK_FAILED: { status: 500, exit: 1, text: "A sensor could not answer a question." },
} as const satisfies Codes;
