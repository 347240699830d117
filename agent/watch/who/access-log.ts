/** The last accesses that audit told of, by path and by process. Bounded. Pure; times are ms of one monotonic clock. */
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { AuditAccess } from "./audit-records.ts";

interface Logged {
  readonly access: AuditAccess;
  readonly at: number;
}

const mostPaths = 65_536;
const mostProcesses = 16_384;
/** ms within which a process number is taken for the same process. */
const sameProcessMs = 30_000;

export class AccessLog {
  readonly #byPath = new Map<BytePath, Logged>();
  readonly #byProcess = new Map<number, Logged>();

  add(access: AuditAccess, at: number): void {
    const logged = { access, at };
    for (const path of access.paths) put(this.#byPath, path, logged, mostPaths);
    put(this.#byProcess, access.pid, logged, mostProcesses);
  }

  /** `pid` 0 or less: the event did not say. A process that only wrote on is known by what it opened before. */
  find(pid: number, path: BytePath, heardAt: number): AuditAccess | null {
    const byPath = this.#byPath.get(path);
    if (byPath !== undefined && (pid <= 0 || byPath.access.pid === pid)) return byPath.access;
    const byProcess = pid <= 0 ? undefined : this.#byProcess.get(pid);
    if (byProcess === undefined || Math.abs(heardAt - byProcess.at) > sameProcessMs) return null;
    return byProcess.access;
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
