/** Watching files. */
import type { Codes } from "./entry.ts";

export const watchCodes = {
  WATCH_CONFIG: { status: 400, exit: 2, text: "The configuration of pack `watch` is wrong." },
  WATCH_GLOB: { status: 400, exit: 2, text: "A pattern of paths cannot be used." },
  WINDOW_INVALID: { status: 400, exit: 2, text: "A window for expected changes cannot be opened like this." },
  WATCH_PROFILE: { status: 400, exit: 2, text: "There is no ready-made selection of this name." },
  WATCH_VERIFY_BUSY: {
    status: 503,
    exit: 1,
    retry: true,
    text: "As many verifications wait for their turn on an agent as may.",
  },
  WATCH_VERIFY_UNKNOWN: {
    status: 404,
    exit: 1,
    text: "The watching sensor knows nothing of a verification: it was started anew.",
  },
} as const satisfies Codes;
