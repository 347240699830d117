import { describe, expect, test } from "vitest";
import type { AskMessage } from "../../../../agent/sensors/messages.ts";
import { mostQuestions, SensorQuestions } from "../../../../agent/sensors/questions.ts";
import { manualTime } from "../../../support/manual-time.ts";

function desk() {
  const time = manualTime();
  const sent: AskMessage[] = [];
  const state = { isClogged: false };
  const questions = new SensorQuestions({
    send: (message) => void sent.push(message),
    isClogged: () => state.isClogged,
    timers: time.timers,
  });
  return { time, sent, state, questions };
}

describe("questions to a sensor", () => {
  test("are answered by number, in whatever order", async () => {
    const { questions, sent } = desk();
    const [first, second] = [questions.ask("a", {}, 1_000), questions.ask("b", { x: 1 }, 1_000)];
    expect(sent).toEqual([
      { op: "ask", request: 1, question: "a", arguments: {} },
      { op: "ask", request: 2, question: "b", arguments: { x: 1 } },
    ]);
    questions.take({ op: "answer", request: 2, value: [2] });
    questions.take({ op: "answer", request: 1 });
    expect(await second).toEqual([2]);
    expect(await first).toBeNull();
  });

  test("are refused with the sensor's code, or with ours when it is none of the catalogue", async () => {
    const { questions } = desk();
    const known = questions.ask("a", {}, 1_000);
    const own = questions.ask("a", {}, 1_000);
    questions.take({ op: "answer", request: 1, error: { code: "NOT_FOUND", message: "no" } });
    questions.take({ op: "answer", request: 2, error: { code: "constructor", message: "hm" } });
    await expect(known).rejects.toMatchObject({ code: "NOT_FOUND", message: "no" });
    await expect(own).rejects.toMatchObject({ code: "SENSOR_ASK_FAILED", message: "hm" });
  });

  test("end at their deadline, and a later answer is dropped", async () => {
    const { questions, time } = desk();
    const late = questions.ask("a", {}, 1_000);
    time.advance(1_000);
    await expect(late).rejects.toMatchObject({ code: "ASK_TIMEOUT" });
    questions.take({ op: "answer", request: 1, value: 1 });
    const next = questions.ask("b", {}, 1_000);
    questions.take({ op: "answer", request: 1, value: 1 });
    questions.take({ op: "answer", request: 2, value: 2 });
    expect(await next).toBe(2);
  });

  test("are bounded in number, and none is sent to a sensor that does not read", async () => {
    const { questions, sent, state } = desk();
    const open = Array.from({ length: mostQuestions }, () => questions.ask("a", {}, 1_000));
    await expect(questions.ask("a", {}, 1_000)).rejects.toMatchObject({ code: "SENSOR_BUSY" });
    expect(sent).toHaveLength(mostQuestions);
    for (const { request } of sent) questions.take({ op: "answer", request });
    await Promise.all(open);
    state.isClogged = true;
    await expect(questions.ask("a", {}, 1_000)).rejects.toMatchObject({ code: "SENSOR_BUSY" });
    expect(sent).toHaveLength(mostQuestions);
  });

  test("are not waited for when the process has ended, nor asked any more", async () => {
    const { questions, sent } = desk();
    const open = questions.ask("a", {}, 1_000);
    questions.close();
    await expect(open).rejects.toMatchObject({ code: "SENSOR_NOT_RUNNING" });
    await expect(questions.ask("a", {}, 1_000)).rejects.toMatchObject({ code: "SENSOR_NOT_RUNNING" });
    expect(sent).toHaveLength(1);
  });
});
