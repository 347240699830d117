import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { startApi } from "../../../support/start-api.ts";

const methods = new Set(["get", "post", "put", "patch", "delete"]);

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Every `$ref` in the document. */
function refsIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === "$ref" ? [String(inner)] : refsIn(inner)));
}

test("the description has exactly the routes that there are, and every reference in it leads somewhere", async () => {
  const { api, key } = await startApi();
  const reply = await api.inject({ url: "/v1/openapi.yaml", headers: { authorization: `Bearer ${key}` } });
  expect(reply.headers["content-type"]).toBe("application/yaml");
  const described: Described = parse(reply.body);
  const names = Object.entries(described.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => methods.has(method))
      .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
  );
  expect(names.sort()).toEqual([...api.routeNames].sort());
  for (const ref of refsIn(described)) {
    const target = ref
      .split("/")
      .slice(1)
      .reduce<unknown>((place, step) => (place as Record<string, unknown> | undefined)?.[step], described);
    expect(target, ref).toBeDefined();
    expect(isDeepStrictEqual(target, {}), ref).toBe(false);
  }
});

test("a path with a slip of the pen is told which one was meant", async () => {
  const { api, key } = await startApi();
  const reply = await api.inject({ url: "/v1/execution", headers: { authorization: `Bearer ${key}` } });
  expect(reply.json().error).toMatchObject({ code: "API_NOT_FOUND", fix: "ask GET /v1/executions" });
});
