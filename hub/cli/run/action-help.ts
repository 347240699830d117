/** What an action takes, as text for people: `petrel run REF --help`. Pure. */
import type { Json } from "../../../shared/json.ts";
import type { ActionDefinition } from "../../../shared/model/action.ts";
import type { ParameterSchema, ParameterSchemas } from "../../../shared/model/pack.ts";
import { actionParameters } from "../../../shared/packs/action-parameters.ts";
import { mask } from "../../secrets/mask.ts";
import { exampleOf } from "./parameter-text.ts";

const shown = (value: Json | undefined) => (typeof value === "string" ? value : JSON.stringify(value));

function facts(schema: ParameterSchema): string {
  const { type, default: fallback, enum: choices, secret, position } = schema;
  const types = type === undefined ? "any" : typeof type === "string" ? type : type.join(" or ");
  const has = fallback !== undefined && fallback !== null;
  return [
    types,
    ...(choices === undefined ? [] : [`one of ${choices.map(shown).join(", ")}`]),
    ...(secret === true ? ["secret"] : []),
    ...(position === undefined ? [] : [`position ${position}`]),
    ...(has
      ? [`${schema.immutable === true ? "always" : "default"} ${secret === true ? mask : shown(fallback)}`]
      : []),
  ].join(", ");
}

type Entry = readonly [name: string, schema: ParameterSchema];

function section(title: string, entries: readonly Entry[]): string {
  if (entries.length === 0) return "";
  const texts = entries.map(([name, schema]) => {
    const description = (schema.description ?? "").trim();
    const lines = description === "" ? [] : description.split("\n").map((line) => `      ${line.trim()}\n`);
    return `  ${name} (${facts(schema)})\n${lines.join("")}`;
  });
  return `\n${title}:\n${texts.join("")}`;
}

const isFixed = ([, schema]: Entry) => schema.immutable === true;
const mustBeGiven = (entry: Entry) =>
  !isFixed(entry) && entry[1].required === true && (entry[1].default ?? null) === null;

/** Its own parameters before those of its runner, each kind by `position`, then as in the file. */
function inOrder(own: ParameterSchemas, all: ParameterSchemas): readonly Entry[] {
  const place = ([, { position }]: Entry) => position ?? Number.MAX_SAFE_INTEGER;
  const entries: readonly Entry[] = Object.entries(all);
  const isOwn = ([name]: Entry) => Object.hasOwn(own, name);
  return [
    ...entries.filter(isOwn).sort((a, b) => place(a) - place(b)),
    ...entries.filter((entry) => !isOwn(entry)),
  ];
}

/** Usage, parameters by whether they must be given, and an example that can be run once its values are filled in. */
export function actionHelp(action: ActionDefinition): string {
  const entries = inOrder(action.parameters, actionParameters(action));
  const required = entries.filter(mustBeGiven);
  const optional = entries.filter((entry) => !isFixed(entry) && !mustBeGiven(entry));
  const example = ["petrel run", action.ref, ...required.map(([name, schema]) => exampleOf(name, schema))];
  return [
    `Usage: petrel run ${action.ref} [options] [name=value...]\n`,
    action.description.trim() === "" ? "" : `\n${action.description.trim()}\n`,
    `\nRunner: ${action.runner_type}${action.enabled ? "" : "; the action is switched off"}\n`,
    section("Required parameters", required),
    section("Optional parameters", optional),
    section("Parameters that the action fixes", entries.filter(isFixed)),
    entries.length === 0 ? "\nIt takes no parameters.\n" : "",
    `\nExample:\n  ${example.join(" ")}\n`,
    "\n`petrel run --help` shows the options.\n",
  ].join("");
}
