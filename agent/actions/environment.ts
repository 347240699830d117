/** The environment of an action: little of the agent's own, StackStorm's variables, then the author's. */
import { PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";

/** Every child gets this in its environment: with it a group whose leader has gone is told from a stranger's. */
export const executionVariable = "ST2_ACTION_EXECUTION_ID";

/** What a program may need of the agent's environment. Everything else stays behind: it may hold secrets. */
const inherited = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "TZ", "TMPDIR"];
export const fallbackPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The agent's variables that actions see. */
export function baseEnvironment(agentEnv: Readonly<Record<string, string | undefined>>) {
  const base: Record<string, string> = { PATH: fallbackPath, LANG: "C.UTF-8" };
  for (const name of inherited) {
    const value = agentEnv[name];
    if (value !== undefined && value !== "") base[name] = value;
  }
  return base;
}

/** st2 docs, Action Runners, environment variables. There is no API on an agent: these stay empty, not unset. */
function actionVariables(request: ActionRequestEntry): Record<string, string> {
  return {
    ST2_ACTION_PACK_NAME: request.pack,
    [executionVariable]: request.execution,
    ST2_ACTION_API_URL: "",
    ST2_ACTION_AUTH_TOKEN: "",
    ST2_ACTION_DEBUG: "",
  };
}

/**
 * `base`, then `extra` of the runner, then the request's `env`, then the variables that name the execution (by
 * which a recovery knows its processes, so nobody overrides them). Names in `reserved` may not be given.
 */
export function actionEnvironment(
  base: Readonly<Record<string, string>>,
  request: ActionRequestEntry,
  extra: Readonly<Record<string, string>> = {},
  reserved: readonly string[] = [],
): Record<string, string> {
  return {
    ...base,
    ...extra,
    ...givenVariables(request.runner_parameters.env, reserved),
    ...actionVariables(request),
  };
}

function givenVariables(env: unknown, reserved: readonly string[]): Record<string, string> {
  if (env === undefined || env === null) return {};
  if (!isObject(env)) throw new PetrelError("PARAMETER_INVALID", "parameter 'env' is no object");
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (reserved.includes(name.toUpperCase()))
      throw new PetrelError("PARAMETER_INVALID", `parameter 'env' may not set ${name}`, {
        hint: "put modules into the pack's lib/ or actions/lib/ folder",
      });
    if (name === "" || /[=\0]/.test(name) || String(value).includes("\0"))
      throw new PetrelError("PARAMETER_INVALID", `parameter 'env' has an impossible variable '${name}'`);
    given[name] = typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  return given;
}
