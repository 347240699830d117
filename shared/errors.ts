/** The one error class, and the catalogue of its stable codes. */

/** Exit codes of the command line: 1 failed, 2 used wrongly, 3 not reachable, 4 refused. */
type ExitCode = 1 | 2 | 3 | 4;
interface Entry {
  /** HTTP status at the API. */
  readonly status: number;
  readonly exit: ExitCode;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retry?: true;
  /** What the code means, for docs/errors.md. */
  readonly text: string;
}

/** Codes are `NOUN_PROBLEM`, stable for ever. A test keeps docs/errors.md in step. */
export const catalogue = {
  // command line, configuration, files
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
  // hub and its API
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
  // packs
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
  // watching
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
  // rules and expressions
  RULE_INVALID: { status: 400, exit: 2, text: "A rule's definition is wrong." },
  RULE_TRIGGER_UNKNOWN: { status: 400, exit: 2, text: "A rule names a trigger type that is not registered." },
  RULE_TRIGGER_OTHER: {
    status: 400,
    exit: 2,
    text: "A rule waits for another trigger type than the instance has.",
  },
  RULE_ACTION_UNKNOWN: { status: 400, exit: 2, text: "A rule names an action that is not registered." },
  IDEMPOTENCY_KEY: {
    status: 422,
    exit: 1,
    text: "An Idempotency-Key came again with another request.",
  },
  POLICY_ACTION_UNKNOWN: {
    status: 400,
    exit: 2,
    text: "A policy names an action that its pack does not have, or that is not registered.",
  },
  ALIAS_ACTION_UNKNOWN: { status: 400, exit: 2, text: "An action alias names an action that is not there." },
  RULE_DIGEST: {
    status: 409,
    exit: 4,
    text: "A throttled rule could not tell of what it had held back: it was deleted, disabled or changed meanwhile.",
  },
  RULE_TARGET: { status: 400, exit: 2, text: "A rule's action.target finds no agent." },
  CRITERIA_OPERATOR: { status: 400, exit: 2, text: "A criterion uses an operator that does not exist." },
  CRITERIA_TYPE: { status: 400, exit: 1, text: "A criterion compares values of types that do not compare." },
  CRITERIA_KEY: { status: 400, exit: 2, text: "A criterion's key cannot be read." },
  CRITERIA_REGEX: { status: 400, exit: 2, text: "A pattern is no regular expression, or took too long." },
  EXPRESSION_SYNTAX: { status: 400, exit: 2, text: "A template does not parse." },
  EXPRESSION_UNDEFINED: { status: 400, exit: 1, text: "A template uses a name that is not defined." },
  EXPRESSION_TYPE: {
    status: 400,
    exit: 1,
    text: "A template applies an operation to values it does not fit.",
  },
  EXPRESSION_BUDGET: { status: 400, exit: 1, text: "A template ran too long or wrote too much." },
  PARAMETER_INVALID: { status: 400, exit: 2, text: "An action's parameter has a wrong type or value." },
  PARAMETER_UNKNOWN: { status: 400, exit: 2, text: "An action has no parameter of this name." },
  PARAMETER_MISSING: { status: 400, exit: 2, text: "A required parameter is missing." },
  PARAMETER_IMMUTABLE: { status: 400, exit: 2, text: "A parameter that may not be given was given." },
  PARAMETER_DEPENDENCY: {
    status: 400,
    exit: 1,
    text: "Parameter templates refer to each other in a circle or to nothing.",
  },
  // triggers, actions, executions
  TRIGGER_UNKNOWN: { status: 400, exit: 1, text: "No such trigger type is registered." },
  LOOP_GUARD: {
    status: 409,
    exit: 1,
    text: "A rule was stopped: what it had set off itself called it again.",
  },
  TRIGGER_PAYLOAD: { status: 400, exit: 1, text: "A payload does not fit its trigger type's schema." },
  ACTION_USER: {
    status: 500,
    exit: 1,
    text: "The user that an action is to run as is not on the agent's host, or cannot be become.",
  },
  HOST_REFUSED: {
    status: 403,
    exit: 4,
    text: "The policy file of an agent's host does not allow this (docs/guides/host-policy.md).",
  },
  RUN_AS_REFUSED: { status: 403, exit: 4, text: "The agent's host lets no action run as this user." },
  ACTION_UNKNOWN: { status: 404, exit: 1, text: "No such action is registered." },
  ACTION_DISABLED: { status: 400, exit: 1, text: "The action is disabled." },
  ACTION_START: { status: 500, exit: 1, text: "An action's process could not be started." },
  RUNNER_UNKNOWN: { status: 400, exit: 1, text: "This agent has no such runner." },
  EXECUTION_FINAL: { status: 409, exit: 1, text: "The execution has already ended." },
  EXECUTION_STATE: { status: 409, exit: 1, text: "An execution cannot do this as it is now." },
  EXECUTION_FAILED: { status: 500, exit: 1, text: "An execution ended, but not in success." },
  EXECUTION_WAIT: {
    status: 504,
    exit: 1,
    retry: true,
    text: "An execution had not ended when the wait was over.",
  },
  EXECUTION_EXPIRED: { status: 409, exit: 1, text: "The request reached its agent too late." },
  AGENT_UNKNOWN: { status: 404, exit: 1, text: "No agent has this id." },
  AGENT_DEGRADED: {
    status: 503,
    exit: 1,
    retry: true,
    text: "An agent takes no action at present, since its disk is full.",
  },
  AGENT_CONFLICT: { status: 409, exit: 1, text: "Two machines have one agent id." },
  AGENT_UNREACHABLE: { status: 503, exit: 3, retry: true, text: "The agent on this host does not answer." },
  AGENT_ID: { status: 400, exit: 2, text: "An agent id has characters that are not allowed." },
  // installation and upgrades of the program itself
  INSTALL_ROOT: { status: 500, exit: 4, text: "Only root may install on this host." },
  INSTALL_BINARY: { status: 500, exit: 2, text: "There is no one file of the program to install." },
  INSTALL_PATH: { status: 500, exit: 1, text: "Something else is where an installation has its files." },
  INSTALL_UNSAFE: {
    status: 500,
    exit: 4,
    text: "Others than root may write where programs run as root lie.",
  },
  INSTALL_PACKAGE: { status: 500, exit: 4, text: "A package has put the program here, and removes it." },
  INSTALL_USER: { status: 500, exit: 1, text: "A user of the host cannot be made." },
  NOT_INSTALLED: { status: 500, exit: 1, text: "The program is not installed on this host." },
  SERVICE_FAILED: { status: 500, exit: 1, text: "The host's systemd did not do what it was asked for." },
  UPGRADE_RUNNING: { status: 409, exit: 1, retry: true, text: "An upgrade of this program is under way." },
  UPGRADE_DIGEST: { status: 400, exit: 4, text: "A program is not the one that was asked for." },
  UPGRADE_ARCHITECTURE: { status: 400, exit: 4, text: "A program is for another kind of machine." },
  UPGRADE_UNFIT: {
    status: 400,
    exit: 4,
    text: "A program does not run here, is another one, or cannot read this host's data.",
  },
  UPGRADE_OLDER: { status: 409, exit: 4, text: "A program is older than the one that is installed." },
  UPGRADE_FORMAT: { status: 409, exit: 4, text: "After this upgrade there would be no way back." },
  UPGRADE_UNSIGNED: {
    status: 403,
    exit: 4,
    text: "An agent was told of a binary by somebody who does not speak for its hub.",
  },
  UPGRADE_EXPIRED: { status: 409, exit: 1, text: "A request to upgrade came too late to be carried out." },
  UPGRADE_STEP: { status: 409, exit: 4, text: "Another version has to be installed between these two." },
  UPGRADE_ROOM: { status: 507, exit: 1, text: "A host has too little room on its disk for an upgrade." },
  UPGRADE_CUT_OFF: { status: 500, exit: 1, text: "Whoever carried out an upgrade was killed each time." },
  RELEASE_INVALID: { status: 400, exit: 2, text: "A binary cannot be handed out to agents." },
  RELEASE_UNKNOWN: { status: 404, exit: 1, text: "The hub has no binary of this version." },
  ROLLOUT_STATE: { status: 409, exit: 1, text: "A rollout cannot do this as it is now." },
  UPGRADE_VERSION_TAKEN: {
    status: 409,
    exit: 4,
    text: "A version is installed already, with another content.",
  },
  UPGRADE_ROLLED_BACK: {
    status: 500,
    exit: 1,
    text: "A new version was not well, and the old one was put back.",
  },
  UPGRADE_UNWELL: {
    status: 500,
    exit: 1,
    text: "A new version is not well, and stays: the old one could not read its database.",
  },
  UPGRADE_UNSEEN: { status: 500, exit: 1, text: "How a new version is could not be seen on this host." },
  // identities and enrolment
  AGENT_NOT_ENROLLED: {
    status: 500,
    exit: 4,
    text: "An agent outside of dev mode needs an identity, and this data folder has none.",
  },
  AGENT_EXISTS: { status: 409, exit: 1, text: "An agent of this id is enrolled with another key." },
  AGENT_REMOVED: { status: 403, exit: 4, text: "This agent was removed from the fleet." },
  DEV_FLEET: { status: 409, exit: 2, text: "--dev on the data of an enrolled hub or agent." },
  IDENTITY_FILES: {
    status: 500,
    exit: 1,
    text: "Files with keys or certificates are missing, damaged, or do not belong together.",
  },
  IDENTITY_UNKNOWN: {
    status: 403,
    exit: 4,
    retry: true,
    text: "The hub knows no enrolled agent of this id.",
  },
  IDENTITY_KEY: { status: 403, exit: 4, retry: true, text: "The hub knows this agent id with another key." },
  IDENTITY_CLOCK: {
    status: 403,
    exit: 4,
    retry: true,
    text: "A broker takes a certificate for expired or not yet valid: a clock is wrong, or the agent was away for long.",
  },
  HUB_UNTRUSTED: {
    status: 403,
    exit: 4,
    retry: true,
    text: "A server does not prove that it speaks for this fleet.",
  },
  ROOT_KEY_MISSING: {
    status: 409,
    exit: 1,
    text: "What was asked for needs the fleet's root key, which is not with the hub.",
  },
  ROOT_KEY_WRONG: { status: 400, exit: 2, text: "A key is not the root key of this fleet." },
  ENROL_OFF: { status: 409, exit: 1, text: "In dev mode there are no identities, and nobody enrols." },
  ENROL_TOKEN: {
    status: 403,
    exit: 4,
    text: "An enrolment token cannot be used: used up, expired, revoked, or for another agent.",
  },
  ENROL_REFUSED: {
    status: 403,
    exit: 4,
    text: "The hub refuses an enrolment, and does not say why to who proves nothing.",
  },
  ENROL_INVALID: {
    status: 400,
    exit: 2,
    text: "An enrolment request or its answer is malformed, or was made by nobody who may.",
  },
  // sensors
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
  // datastore
  KEY_INVALID: { status: 400, exit: 2, text: "A datastore key's name, value or option is not allowed." },
  KEY_LIMIT: { status: 507, exit: 1, text: "A sensor or action has as many datastore keys as it may have." },
  KEY_FILE: {
    status: 500,
    exit: 1,
    text: "The file with the key to secrets (`datastore.key` of a hub, `secrets.key` of an agent) is missing, damaged, or cannot be written.",
  },
  KEY_UNREADABLE: {
    status: 409,
    exit: 1,
    text: "A secret cannot be decrypted: it is missing or plain, was encrypted with another key or for another record, or was changed.",
  },
  // wire and link
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
  // storage
  STORE_WRITE: {
    status: 507,
    exit: 1,
    retry: true,
    text: "A batch could not be written; nothing of it was promised.",
  },
  STORE_LOCKED: { status: 500, exit: 1, text: "Another process has the database open." },
  STORE_CORRUPT: { status: 500, exit: 1, text: "The database's files are damaged." },
  STORE_FORMAT: { status: 500, exit: 1, text: "The database was written by a newer version." },
  BACKUP_INVALID: { status: 400, exit: 1, text: "A folder is no whole backup." },
  BACKUP_RUNNING: { status: 409, exit: 1, retry: true, text: "A backup is being made already." },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof catalogue;

export interface ErrorDetail {
  /** file:line, topic, key or URL. */
  readonly where?: string | undefined;
  /** A command or an edit that mends it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** An expected refusal. Compare `code`, never the text. */
export class PetrelError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "PetrelError";
    this.code = code;
    this.where = detail.where;
    this.hint = detail.hint;
  }
}

export function isPetrelError(error: unknown): error is PetrelError {
  return error instanceof PetrelError;
}

/** One plain form for logs, the wire and `--json`. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly where?: string;
  readonly fix?: string;
}

export function errorReport(error: unknown): ErrorReport {
  if (!isPetrelError(error)) {
    return { code: "INTERNAL", message: error instanceof Error ? error.message : String(error) };
  }
  return {
    code: error.code,
    message: error.message,
    ...(error.where !== undefined && { where: error.where }),
    ...(error.hint !== undefined && { fix: error.hint }),
  };
}

/** The three-line form that people read: code and what, where, fix. */
export function formatError(error: unknown): string {
  const report = errorReport(error);
  const lines = [`${report.code}: ${report.message}`];
  if (report.where !== undefined) lines.push(`  where: ${report.where}`);
  if (report.fix !== undefined) lines.push(`  fix:   ${report.fix}`);
  return lines.join("\n");
}

export function exitCodeOf(error: unknown): number {
  return isPetrelError(error) ? catalogue[error.code].exit : 1;
}

export function httpStatusOf(error: unknown): number {
  return isPetrelError(error) ? catalogue[error.code].status : 500;
}
