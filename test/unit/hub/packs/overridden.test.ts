/** What overrides make of a pack, and that a pack comes back to its files when they are gone. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idleExceptions, overridden, turnedRules } from "../../../../hub/packs/overridden.ts";
import type { Pack } from "../../../../shared/model/pack.ts";
import type { OverrideBook } from "../../../../shared/model/pack-overrides.ts";
import { parseOverrides } from "../../../../shared/packs/parse-overrides.ts";
import { parsePack } from "../../../../shared/packs/parse-pack.ts";

const texts: Readonly<Record<string, string>> = {
  "pack.yaml": "name: p\ndescription: d\nversion: 1.0.0\nauthor: a\n",
  "sensors/probe.yaml": "class_name: Probe\nentry_point: probe.py\ntrigger_types: [{name: seen}]\n",
  "sensors/probe.py": "class Probe: pass\n",
  "actions/lit.yaml": "name: lit\nrunner_type: noop\n",
  "actions/dark.yaml": "name: dark\nenabled: false\nrunner_type: noop\n",
  "rules/lit.yaml": "name: lit\nenabled: true\ntrigger: {type: p.seen}\naction: {ref: p.lit}\n",
  "rules/dark.yaml": "name: dark\ntrigger: {type: p.seen}\naction: {ref: p.lit}\n",
  "aliases/say.yaml": "name: say\naction_ref: p.lit\nformats: [say]\n",
};

function published(): Pack {
  const files = Object.entries(texts).map(([path, content]) => ({
    path,
    mode: 0o644,
    content: Buffer.from(content),
  }));
  const { pack } = parsePack(files);
  if (pack === null) throw new Error("the pack has errors");
  return pack;
}

const bookOf = (files: Readonly<Record<string, string>>): OverrideBook =>
  Object.fromEntries(
    Object.entries(files).map(([name, text]) => {
      const { overrides } = parseOverrides(text, name, name);
      if (overrides === null) throw new Error(text);
      return [name, overrides];
    }),
  );

/** "rules p.lit", of all parts that are on. */
const partsOn = ({ sensors, actions, rules, aliases = [] }: Pack) =>
  Object.entries({ sensors, actions, rules, aliases })
    .flatMap(([kind, parts]) => parts.filter(({ enabled }) => enabled).map(({ ref }) => `${kind} ${ref}`))
    .join();

const inFiles = "sensors p.Probe,actions p.lit,rules p.lit,aliases p.say";

describe("overrides", () => {
  test.each([
    ["none", {}, inFiles],
    ["those of another pack", { q: "rules: {defaults: {enabled: false}}" }, inFiles],
    [
      "all packs",
      { _global: "rules: {defaults: {enabled: false}}" },
      "sensors p.Probe,actions p.lit,aliases p.say",
    ],
    [
      "the pack over all packs",
      { _global: "rules: {defaults: {enabled: false}}", p: "rules: {defaults: {enabled: true}}" },
      "sensors p.Probe,actions p.lit,rules p.dark,rules p.lit,aliases p.say",
    ],
    [
      "an exception over the pack",
      { p: "rules: {defaults: {enabled: false}, exceptions: {dark: {enabled: true}}}" },
      "sensors p.Probe,actions p.lit,rules p.dark,aliases p.say",
    ],
    [
      "an exception that says nothing",
      { p: "actions: {defaults: {enabled: false}, exceptions: {lit: }}" },
      "sensors p.Probe,rules p.lit,aliases p.say",
    ],
    [
      "every kind",
      {
        p: "sensors: {defaults: {enabled: false}}\nactions: {exceptions: {dark: {enabled: true}}}\naliases: {defaults: {enabled: false}}",
      },
      "actions p.dark,actions p.lit,rules p.lit",
    ],
    [
      "a sensor by its class",
      { p: "sensors: {exceptions: {Probe: {enabled: false}}}" },
      "actions p.lit,rules p.lit,aliases p.say",
    ],
  ])("of %s", (_, files, wanted) => {
    expect(partsOn(overridden(published(), [], bookOf(files)).pack)).toBe(wanted);
  });

  test("an exception with no part of its name is told, with what was meant", () => {
    const book = bookOf({
      p: "rules: {exceptions: {litt: {enabled: false}}}",
      q: "rules: {exceptions: {x: }}",
    });
    expect(idleExceptions(published(), book)).toMatchObject([
      { severity: "warning", where: "overrides p (rules.exceptions.litt)", hint: "write 'lit'" },
    ]);
  });

  const enabled = fc.record({ enabled: fc.boolean() }, { requiredKeys: [] });
  const kind = fc.record(
    {
      defaults: enabled,
      exceptions: fc.dictionary(fc.constantFrom("lit", "dark", "Probe", "say", "__proto__"), enabled),
    },
    { requiredKeys: [] },
  );
  const overrides = fc.record(
    { sensors: kind, actions: kind, rules: kind, aliases: kind },
    { requiredKeys: [] },
  );
  const book: fc.Arbitrary<OverrideBook> = fc.record(
    { _global: overrides, p: overrides },
    { requiredKeys: [] },
  ) as fc.Arbitrary<OverrideBook>;

  test("whatever came before, a book gives what it gives to the published pack; none gives that back", () => {
    fc.assert(
      fc.property(fc.array(book, { maxLength: 4 }), book, (before, last) => {
        const start = { pack: published(), published: [] };
        const old = before.reduce(
          (now, next) => overridden(now.pack, now.published, next),
          overridden(published(), [], {}),
        );
        expect(overridden(old.pack, old.published, last)).toEqual(overridden(published(), [], last));
        expect(overridden(old.pack, old.published, {})).toEqual(start);
        const now = overridden(old.pack, old.published, last);
        for (const [ref, isOn] of turnedRules(old.pack, now.pack))
          expect(now.pack.rules.find((rule) => rule.ref === ref)?.enabled).toBe(isOn);
      }),
    );
  });
});
