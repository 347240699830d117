/** Packs. */
import type { Codes } from "./entry.ts";

export const packCodes = {
  PACK_INVALID: { status: 400, exit: 2, text: "A pack has errors; each is listed with file and line." },
  PACK_SOURCE: {
    status: 400,
    exit: 1,
    text: "A pack cannot be had from where it was said to lie; what git says of it is in the message.",
  },
  PACK_VIRTUALENV: {
    status: 500,
    exit: 1,
    text: "A pack's requirements cannot be installed on an agent; what pip says is in the message.",
  },
  PACK_UNTESTED: { status: 400, exit: 1, text: "A pack whose tests are to be run has none." },
  GIT_MISSING: { status: 500, exit: 1, text: "A pack in a git repository needs git on this host." },
  PACK_MISSING: {
    status: 404,
    exit: 1,
    retry: true,
    text: "An agent could not get the pack a request names.",
  },
  PACK_FIELD: {
    status: 400,
    exit: 2,
    text: "A field in a pack's file is missing, unknown or of the wrong type.",
  },
  PACK_DEPENDENCY: {
    status: 400,
    exit: 2,
    text: "A pack depends on one that is not registered, or on another version of it.",
  },
  PACK_REF: { status: 400, exit: 2, text: "A pack's name or ref is not usable." },
  PACK_ENTRY_POINT: { status: 400, exit: 2, text: "The code file that metadata names does not exist." },
  PACK_RUNNER: { status: 400, exit: 2, text: "An action names a runner that does not exist." },
  PACK_PARAMETER: { status: 400, exit: 2, text: "A parameter definition breaks the rules for parameters." },
  PACK_DUPLICATE: { status: 400, exit: 2, text: "Two files of a pack define the same thing." },
  PACK_TOO_LARGE: { status: 400, exit: 2, text: "A pack exceeds the size or count limits." },
  PACK_IMPORT: {
    status: 400,
    exit: 2,
    text: "Python code of a pack imports what StackStorm brings along and Petrel does not.",
  },
  PACK_UNSUPPORTED: {
    status: 400,
    exit: 2,
    text: "A part of a pack is not supported yet; a warning, the rest works.",
  },
  PACK_RULE_OPERATOR: { status: 400, exit: 2, text: "A rule uses an operator that does not exist." },
  PACK_CONFIG: { status: 400, exit: 2, text: "A pack's configuration does not fit its schema." },
} as const satisfies Codes;
