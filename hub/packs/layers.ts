/** Configuration in layers, and the list of agents a pack is assigned to. Pure. */
import type { JsonObject } from "../../shared/json.ts";
import type { ConfigLayer, LabelSelector, PackRecord } from "../../shared/model/pack.ts";
import { overlaid } from "../../shared/packs/config.ts";
import { hasLabels } from "../executions/place.ts";

/**
 * The layers that an agent with these labels gets, lowest first: those that name fewer labels are below those that name
 * more, and of two that name equally many the one made earlier is below.
 */
export function layersFor(layers: readonly ConfigLayer[], labels: LabelSelector): readonly ConfigLayer[] {
  return layers
    .filter((layer) => hasLabels(labels, layer.labels))
    .toSorted((a, b) => Object.keys(a.labels).length - Object.keys(b.labels).length);
}

/** All that the operator configures for an agent with these labels: this is what is sent to it. */
export function configFor(
  { config, layers }: Pick<PackRecord, "config" | "layers">,
  labels: LabelSelector,
): JsonObject {
  return layersFor(layers, labels).reduce((below, layer) => overlaid(below, layer.config), config);
}

export function isSameSelector(a: LabelSelector, b: LabelSelector): boolean {
  return Object.keys(a).length === Object.keys(b).length && hasLabels(a, b);
}

export function layerOf(layers: readonly ConfigLayer[], labels: LabelSelector): ConfigLayer | null {
  return layers.find((layer) => isSameSelector(layer.labels, labels)) ?? null;
}

/** With the layer of `labels` made, replaced where it stands, or (`config: null`) removed. */
export function withLayer(
  layers: readonly ConfigLayer[],
  labels: LabelSelector,
  config: JsonObject | null,
): readonly ConfigLayer[] {
  const isIt = (layer: ConfigLayer) => isSameSelector(layer.labels, labels);
  if (config === null) return layers.filter((layer) => !isIt(layer));
  const layer = { labels, config };
  return layers.some(isIt) ? layers.map((other) => (isIt(other) ? layer : other)) : [...layers, layer];
}

/** Which agents are to run a pack from now on: all, none, those picked as well, those picked no longer. */
export type AssignTo = "all" | "none" | { readonly add: LabelSelector } | { readonly remove: LabelSelector };

/** Adding some agents to all of them means those instead of all. */
export function assigned(before: readonly LabelSelector[], to: AssignTo): readonly LabelSelector[] {
  if (to === "all") return [{}];
  if (to === "none") return [];
  if ("remove" in to) return before.filter((selector) => !isSameSelector(selector, to.remove));
  const others = before.filter(
    (selector) => Object.keys(selector).length > 0 && !isSameSelector(selector, to.add),
  );
  return [...others, to.add];
}
