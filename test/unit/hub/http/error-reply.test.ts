import { describe, expect, test } from "vitest";
import { errorReply } from "../../../../hub/http/error-reply.ts";
import { PetrelError } from "../../../../shared/errors.ts";

describe("what a client is told", () => {
  test("a refusal keeps its code, its place and its fix, and says it for StackStorm's clients too", () => {
    const error = new PetrelError("RULE_INVALID", "no trigger", { where: "rule.yaml:3", hint: "add one" });
    expect(errorReply(error, "req-1")).toEqual({
      status: 400,
      body: {
        error: { code: "RULE_INVALID", message: "no trigger", where: "rule.yaml:3", fix: "add one" },
        faultstring: "no trigger",
      },
      unexpected: false,
    });
  });

  test("a fault of our own shows nothing of its inside", () => {
    const { status, body, unexpected } = errorReply(new TypeError("secret is undefined"), "req-7");
    expect({ status, unexpected }).toEqual({ status: 500, unexpected: true });
    expect(body.error.code).toBe("INTERNAL");
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(body.error.fix).toContain("req-7");
  });

  test("all faults of a request are named at once", () => {
    const error = Object.assign(new Error("body"), {
      statusCode: 400,
      validationContext: "body",
      validation: [
        {
          instancePath: "",
          keyword: "additionalProperties",
          message: "x",
          params: { additionalProperty: "acton" },
        },
        {
          instancePath: "/target/mode",
          keyword: "enum",
          message: "must be one of",
          params: { allowedValues: ["all", "any"] },
        },
      ],
    });
    const { body } = errorReply(error, "");
    expect(body.error).toMatchObject({
      code: "API_BAD_REQUEST",
      message: "unknown field 'acton'; target.mode must be one of: all, any",
      where: "body",
    });
  });
});
