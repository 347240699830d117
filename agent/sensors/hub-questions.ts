/** What the hub asks the sensors of this agent. */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Responder } from "../../shared/link/ask.ts";
import { checksWith, errorsText } from "../../shared/validation.ts";
import { maxNameLength, maxQuestionLength } from "./protocol.ts";

interface SensorAsk {
  readonly sensor: string;
  readonly question: string;
  readonly arguments: JsonObject;
  readonly within: number;
}

/** Milliseconds: the longest that a question may be open. */
const mostMs = 120_000;

const check = checksWith({ allErrors: true })<SensorAsk>({
  type: "object",
  required: ["sensor", "question", "arguments", "within"],
  properties: {
    sensor: { type: "string", minLength: 1, maxLength: maxNameLength },
    question: { type: "string", minLength: 1, maxLength: maxQuestionLength },
    arguments: { type: "object" },
    within: { type: "integer", minimum: 1, maximum: mostMs },
  },
});

/** `sensor-ask {sensor, question, arguments, within}` is answered with what the sensor says. */
export function sensorQuestionResponders(host: {
  ask(ref: string, question: string, args: JsonObject, withinMs: number): Promise<Json>;
}): Readonly<Record<string, Responder>> {
  return {
    "sensor-ask": async (args) => {
      if (check(args)) return host.ask(args.sensor, args.question, args.arguments, args.within);
      throw new PetrelError("WIRE_PACKET", errorsText(check.errors, "sensor-ask"));
    },
  };
}
