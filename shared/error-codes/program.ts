/** Command line, configuration, files. */
import type { Codes } from "./entry.ts";

export const programCodes = {
  CLI_USAGE: { status: 400, exit: 2, text: "The command line was used wrongly." },
  CONFIG_INVALID: { status: 400, exit: 2, text: "A configuration file or flag has a wrong value." },
  FOLDER_UNUSABLE: { status: 500, exit: 1, text: "A folder cannot be created, read or written." },
  FOLDER_NOT_EMPTY: { status: 409, exit: 1, text: "A folder that has to be empty is not." },
  BUNDLE_FILE: {
    status: 500,
    exit: 1,
    text: "The file for a doctor's bundle exists already, or cannot be written.",
  },
  RUNTIME_UNSAFE: {
    status: 500,
    exit: 4,
    text: "A binary would unpack to a folder that somebody else can write to.",
  },
  RUNTIME_NOEXEC: {
    status: 500,
    exit: 1,
    text: "A binary's native add-ons lie on a file system that is mounted noexec.",
  },
  FILE_UNREADABLE: { status: 400, exit: 2, text: "A file cannot be read." },
  POLICY_UNSAFE: {
    status: 500,
    exit: 4,
    text: "An agent's policy file could have been written by somebody who must not.",
  },
  YAML_SYNTAX: { status: 400, exit: 2, text: "A YAML file does not parse." },
  YAML_TOO_LARGE: {
    status: 400,
    exit: 2,
    text: "A YAML file exceeds the limits of size, depth or aliases.",
  },
  JSON_SYNTAX: { status: 400, exit: 2, text: "A JSON text does not parse." },
  PYTHON_MISSING: { status: 500, exit: 1, text: "A Python sensor or action needs python3 on the host." },
} as const satisfies Codes;
