/** Trigger instances as pack `watch` makes them. */
import type { JsonObject } from "../../shared/json.ts";
import { fileChangedTrigger } from "../../shared/model/file-change.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { anInstance } from "./records.ts";

/** `/etc/ssh/sshd_config` modified by root with vim on web-1, unless the payload says otherwise. */
export function aFileChange(payload: JsonObject = {}, over: Partial<TriggerInstance> = {}): TriggerInstance {
  const full = {
    path: "/etc/ssh/sshd_config",
    status: "modified",
    time: "2026-11-22T11:59:00.000Z",
    detected_at: "2026-11-22T11:59:01.000Z",
    detected_by: "event",
    offline: false,
    kind: "file",
    before: { size: 10 },
    after: { size: 12 },
    changed: ["size", "content"],
    actor: { pid: 71, exe: "/usr/bin/vim.basic", uid: 0, user: "root", login_user: "ann" },
    tags: [],
    severity: "info",
    ...payload,
  };
  return anInstance({
    trigger: fileChangedTrigger,
    payload: full,
    origin: { agent: "web-1", host: "web-1.example", labels: { role: "web", site: "berlin" } },
    status: "processed",
    ...over,
  });
}
