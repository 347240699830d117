/** Complete records for tests; each test overrides what it is about. */

import type { NewExecution } from "../../hub/executions/request.ts";
import type { AgentFigures } from "../../hub/figures/top.ts";
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { RuleDefinition } from "../../shared/model/rule.ts";
import type { TriggerInstance, TriggerType } from "../../shared/model/trigger.ts";

export const noon = Date.parse("2026-11-22T12:00:00.000Z");
const at = new Date(noon).toISOString();

export function anAgent(over: Partial<AgentRecord> = {}): AgentRecord {
  return {
    id: "web-1",
    host: "web-1.example",
    labels: {},
    online: true,
    incarnation: "i1",
    version: "0.1.0",
    address: "127.0.0.1",
    first_seen: at,
    last_seen: at,
    skew_ms: 0,
    packs: {},
    runners: ["local-shell-cmd", "noop"],
    rev: 1,
    ...over,
  };
}

/** As a registry knows them. */
export function knownAgents(...agents: readonly AgentRecord[]) {
  return { all: () => agents, get: (id: string) => agents.find((agent) => agent.id === id) ?? null };
}

export function anInstance(over: Partial<TriggerInstance> = {}): TriggerInstance {
  return {
    id: "01HQ0000000000000000000001",
    trigger: "mypack.changed_file",
    payload: { path: "/etc/passwd" },
    origin: { agent: "web-1", host: "web-1.example", labels: {} },
    occurrence_time: at,
    received_at: at,
    status: "pending",
    reason: null,
    late: false,
    trace_tag: null,
    validation: null,
    re_emit_of: null,
    rule_set_version: null,
    ...over,
  };
}

export function aRule(over: Partial<RuleDefinition> = {}): RuleDefinition {
  return {
    ref: "mypack.on_change",
    pack: "mypack",
    name: "on_change",
    description: "",
    enabled: true,
    type: "standard",
    trigger: { type: "mypack.changed_file", parameters: {} },
    criteria: {},
    action: { ref: "core.noop", parameters: {} },
    mode: "live",
    expires: 3600,
    origins: null,
    tags: [],
    ...over,
  };
}

export function anAction(over: Partial<ActionDefinition> = {}): ActionDefinition {
  return {
    ref: "core.noop",
    pack: "core",
    name: "noop",
    description: "",
    enabled: true,
    runner_type: "noop",
    entry_point: "",
    parameters: {},
    output_schema: null,
    idempotent: false,
    tags: [],
    ...over,
  };
}

export function aTriggerType(over: Partial<TriggerType> = {}): TriggerType {
  return {
    ref: "mypack.changed_file",
    pack: "mypack",
    name: "changed_file",
    description: "",
    payload_schema: {},
    parameters_schema: {},
    payload_validation: "warn",
    ...over,
  };
}

export function anExecution(over: Partial<Execution> = {}): Execution {
  return {
    id: "01HQ0000000000000000000009",
    action: "core.noop",
    runner: "noop",
    agent: "web-1",
    status: "scheduled",
    parameters: {},
    result: null,
    result_blob: null,
    rule: null,
    trigger_instance: null,
    enforcement: null,
    user: "stanley",
    trace_tag: null,
    created_at: at,
    start_timestamp: null,
    end_timestamp: null,
    expires_at: null,
    idempotent: false,
    pack_digest: "sha256:0",
    attempt: 1,
    rerun_of: null,
    log: [{ status: "scheduled", timestamp: at }],
    reason: null,
    late_result: null,
    rev: 1,
    ...over,
  };
}

/** What an execution is made of: by hand, with no parameters. */
export function aNewExecution(over: Partial<NewExecution> = {}): NewExecution {
  return {
    id: "01HQ0000000000000000000001",
    action: { definition: anAction(), pack_digest: "sha256:0" },
    agent: "web-1",
    resolved: { runner_parameters: {}, parameters: {} },
    nowMs: noon,
    expiresAtMs: null,
    user: "me",
    rule: null,
    trigger_instance: null,
    enforcement: null,
    trace_tag: null,
    attempt: 1,
    rerun_of: null,
    ...over,
  };
}

export function agentFigures(over: Partial<AgentFigures> = {}): AgentFigures {
  return {
    id: "web-1",
    host: "web-1.example",
    state: "online",
    version: "1.0.0",
    address: "10.0.0.1:4000",
    last_seen: new Date(noon).toISOString(),
    skew_ms: 0,
    silent_ms: 100,
    backlog: 0,
    lag_ms: 0,
    undelivered: 0,
    triggers_per_s: 0,
    executions_per_s: 0,
    failed: 0,
    ...over,
  };
}
