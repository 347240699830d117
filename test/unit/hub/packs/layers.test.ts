import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isAssigned } from "../../../../hub/packs/assign.ts";
import {
  type AssignTo,
  assigned,
  configFor,
  isSameSelector,
  layerOf,
  layersFor,
  withLayer,
} from "../../../../hub/packs/layers.ts";
import type { ConfigLayer, LabelSelector } from "../../../../shared/model/pack.ts";

const layer = (labels: LabelSelector, config: ConfigLayer["config"]): ConfigLayer => ({ labels, config });
const web = { role: "web" };
const berlin = { site: "berlin" };
const webInBerlin = { role: "web", site: "berlin" };

describe("what an agent gets", () => {
  const config = { level: "low", paths: ["/etc"], mail: { to: "ops", cc: "all" } };
  const layers = [
    layer(webInBerlin, { level: "high" }),
    layer(web, { level: "middle", paths: ["/srv"], mail: { cc: null } }),
    layer(berlin, { mail: { to: "berlin" }, level: "lower" }),
    layer({ role: "db" }, { level: "never" }),
  ];

  test.each<[string, LabelSelector, object]>([
    ["no label: what all get", {}, config],
    ["a label of another value", { role: "mail" }, config],
    [
      "one label: lists are replaced, mappings merged, null takes nothing away",
      web,
      { level: "middle", paths: ["/srv"], mail: { to: "ops", cc: "all" } },
    ],
    [
      "several: more labels above fewer, later above earlier",
      { ...webInBerlin, rack: "7" },
      { level: "high", paths: ["/srv"], mail: { to: "berlin", cc: "all" } },
    ],
    ["names that objects have anyway are labels like any other", { constructor: "x" }, config],
  ])("with %s", (_, labels, expected) => {
    expect(configFor({ config, layers }, labels)).toEqual(expected);
  });

  test("of two layers with equally many labels the one made later counts", () => {
    const both = [layer(web, { by: "web" }), layer(berlin, { by: "berlin" })];
    expect(configFor({ config: {}, layers: both }, webInBerlin)).toEqual({ by: "berlin" });
    expect(configFor({ config: {}, layers: both.toReversed() }, webInBerlin)).toEqual({ by: "web" });
  });
});

const selectors = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.constantFrom("1", "2"), {
  noNullPrototype: true,
});
const layersOf = fc
  .array(fc.record({ labels: selectors, config: fc.dictionary(fc.constantFrom("x", "y"), fc.nat()) }))
  .map((many) =>
    many.reduce<readonly ConfigLayer[]>((all, { labels, config }) => withLayer(all, labels, config), []),
  );

describe("layers", () => {
  test("have one for each selector, which is replaced where it stands or removed, and no other is touched", () => {
    fc.assert(
      fc.property(layersOf, selectors, (layers, labels) => {
        const put = withLayer(layers, labels, { z: 1 });
        expect(layerOf(put, labels)).toEqual({ labels: expect.toSatisfy(isSame(labels)), config: { z: 1 } });
        expect(put.filter((one) => isSameSelector(one.labels, labels))).toHaveLength(1);
        const others = (all: readonly ConfigLayer[]) =>
          all.filter((one) => !isSameSelector(one.labels, labels));
        expect(others(put)).toEqual(others(layers));
        const before = layers.findIndex((one) => isSameSelector(one.labels, labels));
        const now = put.findIndex((one) => isSameSelector(one.labels, labels));
        expect(now).toBe(before === -1 ? layers.length : before);
        expect(layerOf(withLayer(put, labels, null), labels)).toBeNull();
        expect(withLayer(put, labels, null)).toEqual(others(layers));
      }),
    );
  });

  test("reach exactly the agents that have all their labels, those with more labels last", () => {
    fc.assert(
      fc.property(layersOf, selectors, (layers, labels) => {
        const got = layersFor(layers, labels);
        const fits = ({ labels: wanted }: ConfigLayer) =>
          Object.entries(wanted).every(([name, value]) => (labels as Record<string, string>)[name] === value);
        expect(new Set(got)).toEqual(new Set(layers.filter(fits)));
        const counts = got.map((one) => Object.keys(one.labels).length);
        expect(counts).toEqual(counts.toSorted((a, b) => a - b));
      }),
    );
  });
});

function isSame(labels: LabelSelector) {
  return (other: LabelSelector) => isSameSelector(other, labels);
}

describe("assigning", () => {
  test.each<[string, readonly LabelSelector[], AssignTo, readonly LabelSelector[]]>([
    ["all", [web], "all", [{}]],
    ["none", [web, berlin], "none", []],
    ["some to nobody's", [], { add: web }, [web]],
    ["some more", [web], { add: berlin }, [web, berlin]],
    ["some again", [webInBerlin, web], { add: { site: "berlin", role: "web" } }, [web, webInBerlin]],
    ["some in place of all", [{}], { add: web }, [web]],
    ["some no more", [web, berlin], { remove: web }, [berlin]],
    ["some no more who never were named", [web], { remove: webInBerlin }, [web]],
  ])("%s", (_, before, to, after) => {
    expect(assigned(before, to)).toEqual(after);
  });

  test("whom a selector picks, picks the pack; what is taken back is as if it had not been said", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(selectors, { comparator: isSameSelector }),
        selectors,
        selectors,
        (before, selector, labels) => {
          const added = assigned(before, { add: selector });
          if (isSame(selector)(labels)) expect(isAssigned({ assigned_to: added }, { labels })).toBe(true);
          const isNew = !before.some(isSame(selector)) && !before.some(isSame({}));
          if (isNew) expect(assigned(added, { remove: selector })).toEqual(before);
          expect(isAssigned({ assigned_to: assigned(before, "all") }, { labels })).toBe(true);
          expect(isAssigned({ assigned_to: assigned(before, "none") }, { labels })).toBe(false);
        },
      ),
    );
  });
});
