/** Which changes of files somebody wants to see. Pure. */
import { Buffer } from "node:buffer";
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import { changeFields, type FileChange } from "../../shared/model/file-change.ts";
import { compileGlob, type Glob } from "../../shared/watch/glob.ts";
import { bytePath } from "../../shared/watch/paths.ts";
import { hasLabels } from "../agents/label-pairs.ts";

/** Fields that are given must all fit. */
export interface ChangeQuery {
  /** Of the path, or of the one before a renaming. */
  readonly path?: string | undefined;
  /** The agent had all of these when the change came in. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Name or number of the user that did it, or of who had logged in. */
  readonly user?: string | undefined;
  /** Of the program's path. */
  readonly exe?: string | undefined;
  readonly via?: string | undefined;
  readonly status?: string | undefined;
  readonly severity?: string | undefined;
  /** Only what fell into no window. */
  readonly unexpected?: boolean | undefined;
}

/** Throws WATCH_GLOB. */
export function changeSelector(query: ChangeQuery): (change: FileChange) => boolean {
  const { labels, user, via, status, severity, unexpected } = query;
  const path = query.path === undefined ? null : compileGlob(query.path);
  const exe = query.exe === undefined ? null : compileGlob(query.exe);
  return ({ instance }) => {
    const fields = changeFields(instance);
    const actor = (isObject(fields.actor) ? fields.actor : {}) as JsonObject;
    const is = (wanted: string | undefined, found: Json | undefined) =>
      wanted === undefined || wanted === found;
    return (
      is(status, fields.status) &&
      is(via, fields.via) &&
      is(severity, fields.severity) &&
      (unexpected !== true || fields.expected === undefined) &&
      (user === undefined || [actor.user, actor.login_user, actor.uid].some((one) => isUser(user, one))) &&
      (exe === null || fitsPath(exe, actor.exe)) &&
      (labels === undefined || hasLabels(instance.origin.labels, labels)) &&
      (path === null || touchesPath(path, fields))
    );
  };
}

/** Whether the change is at a path that the pattern fits, or was before a renaming. */
export function touchesPath(glob: Glob, fields: JsonObject): boolean {
  return (
    fitsPath(glob, fields.path, fields.path_base64) || fitsPath(glob, fields.old_path, fields.old_path_base64)
  );
}

/** A path that is no UTF-8 is told readably, and exactly in base64. */
function fitsPath(glob: Glob, path: Json | undefined, base64?: Json): boolean {
  if (typeof path !== "string") return false;
  const bytes =
    typeof base64 === "string" ? Buffer.from(base64, "base64").toString("latin1") : bytePath(path);
  return glob.matches(bytes.replace(/^\/+/, ""));
}

function isUser(wanted: string, found: Json | undefined): boolean {
  return found !== undefined && found !== null && String(found) === wanted;
}
