/** Every JSON Schema that a process compiles while it runs: here each is looked at, and compiled. */
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv, type Options } from "ajv";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const validation = "../../shared/validation.ts";

const compiled: object[] = [];

/** In the place of `checksWith`: compiles at once, and throws for a schema that is none. */
function strictChecksWith(options: Options) {
  const ajv = new Ajv({ ...options, validateSchema: true });
  return (schema: object) => {
    compiled.push(schema);
    return ajv.compile(schema);
  };
}

/** Files that declare checks. */
const declaring = globSync("{shared,hub,agent}/**/*.ts", { cwd: root }).filter((path) =>
  /\b(checksWith|compileFields)\(/.test(readFileSync(join(root, path), "utf8")),
);

beforeAll(() => {
  // Files of this project share their modules: these are loaded again.
  vi.resetModules();
  vi.doMock(validation, async (original) => ({
    ...(await original<typeof import("../../shared/validation.ts")>()),
    checksWith: strictChecksWith,
  }));
});
afterAll(() => {
  vi.doUnmock(validation);
  vi.resetModules();
});

test.each(declaring.filter((path) => path !== "shared/validation.ts"))("%s", async (path) => {
  await import(join(root, path));
});

test("those of the settings", async () => {
  const { resolveConfig } = await import("../../shared/config/config.ts");
  const { hubSettings } = await import("../../shared/config/hub-config.ts");
  const { agentSettings } = await import("../../shared/config/agent-config.ts");
  const before = compiled.length;
  for (const settings of [hubSettings, agentSettings]) resolveConfig(settings, { env: {}, flags: {} });
  expect(compiled.length - before).toBe(hubSettings.length + agentSettings.length);
});

test("those of the routes", async () => {
  const { startApi } = await import("../support/start-api.ts");
  const before = compiled.length;
  const { api } = await startApi();
  await api.ready();
  expect(compiled.length - before).toBeGreaterThan(50);
});

test("a schema that is none is found", () => {
  expect(() => strictChecksWith({})({ type: "text" })).toThrow(/schema is invalid/);
});
