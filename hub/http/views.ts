/** Records as the API shows them: flat where StackStorm's are flat, secrets masked. */
import { type ErrorReport, errorReport } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { Execution, LeftOut } from "../../shared/model/execution.ts";
import type { ConfigLayer, PackRecord, ParameterSchema } from "../../shared/model/pack.ts";
import type { RuleDefinition, RuleRecord, RuleVersion } from "../../shared/model/rule.ts";
import { actionParameters } from "../../shared/packs/action-parameters.ts";
import { effectiveConfig } from "../../shared/packs/config.ts";
import { problemError } from "../../shared/problem.ts";
import { endedOutput, type Offsets, type OutputPiece } from "../executions/live-output.ts";
import type { RunPreview } from "../executions/preview.ts";
import { type Catalogue, schemasOf } from "../packs/catalogue.ts";
import { configFor } from "../packs/layers.ts";
import { type SwitchedPart, switchedParts } from "../packs/override-desk.ts";
import { nextAttemptId, retryOf } from "../policies/applied.ts";
import type { Replay, RuleWhy } from "../rules/hindsight.ts";
import type { ChangedRule, WrittenRule } from "../rules/rule-desk.ts";
import {
  isStdoutSecret,
  mask,
  maskConfig,
  maskParameters,
  maskResult,
  maskRuleParameters,
  maskSchema,
  maskSchemas,
} from "../secrets/mask.ts";
import { outputOf, shownExecution } from "../secrets/sealed-execution.ts";
import { shownRule } from "../secrets/sealed-rule.ts";

/** `next_attempt`: the id of the execution by which a policy repeats this one; it is made at once, when it is due. */
export type ExecutionView = Omit<Execution, "sealed"> & {
  readonly next_attempt?: string;
  /** Of results: what could not be encrypted and so is not kept, and why. */
  readonly left_out?: readonly LeftOut[];
};

export function executionView(catalogue: Catalogue, execution: Execution): ExecutionView {
  const action = catalogue.actions.get(execution.action)?.definition;
  return { ...shownExecution(execution, action), ...nextAttempt(execution) };
}

/**
 * Output behind `known` as people may see it. `live`: what has come of it so far. What the action's `output_schema` calls
 * secret is masked in the result; stdout that may hold such a secret is not shown before the end.
 */
export function outputView(
  catalogue: Catalogue,
  execution: Pick<Execution, "action" | "runner" | "result" | "sealed"> & { readonly ended: boolean },
  live: readonly OutputPiece[],
  known: Offsets,
): readonly OutputPiece[] {
  const { result, ended } = execution;
  const output = outputOf(execution, catalogue.actions.get(execution.action)?.definition);
  if (output === null) return [];
  const shown = isStdoutSecret(output) ? live.filter(({ stream }) => stream !== "stdout") : live;
  return ended ? endedOutput(shown, maskResult(output, result), known) : shown;
}

/** Empty when no policy repeats it. */
export function nextAttempt(execution: Execution): Pick<ExecutionView, "next_attempt"> {
  return retryOf(execution) === null ? {} : { next_attempt: nextAttemptId(execution) };
}

/** A secret may stand in an action's file as its default. */
export function actionView(action: ActionDefinition): ActionDefinition {
  const schemas = actionParameters(action);
  const parameters = Object.entries(action.parameters).map(([name, schema]): [string, ParameterSchema] => {
    const shown = maskSchema(schema, schemas[name]?.secret === true);
    if (schema.default === undefined) return [name, shown];
    const values = maskRuleParameters(schemas, { [name]: schema.default });
    return [name, { ...shown, default: values[name] ?? shown.default ?? null }];
  });
  return { ...action, parameters: Object.fromEntries(parameters) };
}

/** Secret values are masked in the command line too. */
export function runPreviewView(catalogue: Catalogue, preview: RunPreview): RunPreview {
  const schemas = schemasOf(catalogue, preview.action);
  const parameters = maskParameters(schemas, preview.parameters);
  let { command } = preview;
  for (const [name, value] of Object.entries(preview.parameters)) {
    if (command === null || parameters[name] === value) continue;
    const shown = typeof value === "string" || typeof value === "number" ? String(value) : "";
    if (shown !== "") command = command.replaceAll(shown, mask);
  }
  return { ...preview, parameters, command };
}

/** While its agent is away, a sensor's state is what was heard last. */
export type SensorView = SensorRecord & { readonly agent_online: boolean };

export type RuleView = RuleDefinition &
  Pick<RuleRecord, "source" | "updated_at" | "rev"> & {
    /** By the operator's overrides it is switched otherwise than its file says. */
    readonly overridden?: true;
  };

export function ruleView(catalogue: Catalogue, record: RuleRecord): RuleView {
  const { source, updated_at, rev } = record;
  const rule = shownRule(record.rule);
  const parameters = maskRuleParameters(schemasOf(catalogue, rule.action.ref), rule.action.parameters);
  const shown = { ...rule, action: { ...rule.action, parameters }, source, updated_at, rev };
  return isOverridden(catalogue, record) ? { ...shown, overridden: true } : shown;
}

/** One that was switched by hand since is as its file says again. */
function isOverridden(catalogue: Catalogue, { rule, source }: RuleRecord): boolean {
  const { published = [] } = catalogue.packs.get(rule.pack) ?? {};
  const inFile = published.find(({ kind, ref }) => kind === "rules" && ref === rule.ref);
  return source === "pack" && inFile !== undefined && inFile.enabled !== rule.enabled;
}

export function ruleVersionView(catalogue: Catalogue, version: RuleVersion): RuleVersion {
  if (version.rule === null) return version;
  const rule = shownRule(version.rule);
  const parameters = maskRuleParameters(schemasOf(catalogue, rule.action.ref), rule.action.parameters);
  return { ...version, rule: { ...rule, action: { ...rule.action, parameters } } };
}

/** The answer to a change of a rule: what it is now, and what it was. */
export type ChangedRuleView = RuleView & Pick<ChangedRule, "replaced">;

export function changedRuleView(catalogue: Catalogue, { replaced, ...record }: ChangedRule): ChangedRuleView {
  return { ...ruleView(catalogue, record), replaced };
}

/** With what in it is surely not meant. */
export type WrittenRuleView = ChangedRuleView & { readonly warnings: readonly ErrorReport[] };

export function writtenRuleView(catalogue: Catalogue, { warnings, ...record }: WrittenRule): WrittenRuleView {
  return { ...changedRuleView(catalogue, record), warnings: warnings.map(problemError).map(errorReport) };
}

export function ruleWhyView(catalogue: Catalogue, why: RuleWhy): RuleWhy {
  const { action } = why;
  if (action === null) return why;
  const parameters = maskParameters(schemasOf(catalogue, action.ref), action.parameters);
  return { ...why, action: { ...action, parameters } };
}

export function replayView(catalogue: Catalogue, replay: Replay): Replay {
  const schemas = schemasOf(catalogue, replay.action);
  const items = replay.items.map((item) =>
    item.parameters === null ? item : { ...item, parameters: maskParameters(schemas, item.parameters) },
  );
  return { ...replay, items };
}

/** A pack without the bodies of what it contains: those have their own routes. */
export interface PackView {
  readonly ref: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly author: string;
  readonly digest: string;
  readonly size: number;
  readonly registered_at: string;
  readonly assigned_to: PackRecord["assigned_to"];
  readonly actions: readonly string[];
  readonly sensors: readonly string[];
  readonly trigger_types: readonly string[];
  readonly rules: readonly string[];
  readonly policies: readonly string[];
  readonly aliases: readonly string[];
  /** What overrides switch otherwise than the pack's files say. */
  readonly overridden: readonly SwitchedPart[];
  readonly rev: number;
}

/** The answer to a registration: what is taken, and what its rules still lack. */
export interface RegisteredPack extends PackView {
  readonly warnings: readonly ErrorReport[];
}

const refs = (items: readonly { readonly ref: string }[]) => items.map((item) => item.ref).sort();

export function packView(record: PackRecord): PackView {
  const { pack } = record;
  return {
    ref: record.ref,
    name: pack.manifest.name,
    version: record.version,
    description: pack.manifest.description,
    author: pack.manifest.author,
    digest: record.digest,
    size: record.size,
    registered_at: record.registered_at,
    assigned_to: record.assigned_to,
    actions: refs(pack.actions),
    sensors: refs(pack.sensors),
    trigger_types: refs(pack.trigger_types),
    rules: refs(pack.rules),
    policies: refs(pack.policies ?? []),
    aliases: refs(pack.aliases ?? []),
    overridden: switchedParts(record.published ?? []),
    rev: record.rev,
  };
}

export interface PackConfigView {
  readonly pack: string;
  /** What the operator configures for all agents. */
  readonly config: JsonObject;
  /** Over it, for agents with certain labels, in the order they were made. */
  readonly layers: readonly ConfigLayer[];
  /** Whose effective configuration it is; `null`: of an agent that no layer is for. */
  readonly agent: string | null;
  /** What sensors and actions get: the schema's defaults, the pack's own file, the operator's layers. */
  readonly effective: JsonObject;
  readonly schema: PackRecord["pack"]["config_schema"];
}

export function packConfigView(
  record: PackRecord,
  agent: Pick<AgentRecord, "id" | "labels"> | null = null,
): PackConfigView {
  const schema = record.pack.config_schema;
  const config = agent === null ? record.config : configFor(record, agent.labels);
  return {
    pack: record.ref,
    config: maskConfig(schema, record.config),
    layers: record.layers.map((layer) => ({ ...layer, config: maskConfig(schema, layer.config) })),
    agent: agent?.id ?? null,
    effective: maskConfig(schema, effectiveConfig(record.pack, config)),
    schema: maskSchemas(schema),
  };
}
