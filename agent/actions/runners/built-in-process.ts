/** The runners that every agent has. */
import { type NodeSettings, nodeScriptRunner } from "./node-process.ts";
import { noopRunner } from "./noop.ts";
import { type PythonSettings, pythonScriptRunner } from "./python-process.ts";
import { httpRequestRunner } from "./request-http.ts";
import type { Runner } from "./runner.ts";
import { shellCommandRunner, shellScriptRunner } from "./shell-process.ts";

export function builtInRunners(settings: NodeSettings & PythonSettings): readonly Runner[] {
  return [
    shellCommandRunner(settings),
    shellScriptRunner(settings),
    nodeScriptRunner(settings),
    pythonScriptRunner(settings),
    httpRequestRunner(settings),
    noopRunner,
  ];
}
