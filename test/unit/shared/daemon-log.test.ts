import { expect, test, vi } from "vitest";
import { daemonLogger } from "../../../shared/daemon-log-process.ts";

test("the last warnings and errors are remembered, also those of a part, masked and cut", () => {
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    const log = daemonLogger({ level: "info", format: "text" });
    log.info("all is well");
    log.child({ sensor: "p.A" }).error("it burns", { token: "Planted" });
    log.warn("x".repeat(5_000));
    const [first = "", second = "", ...others] = log.recent();
    expect(others).toEqual([]);
    expect(first).toMatch(/ERROR it burns sensor=p\.A token=\*{8}$/);
    expect(second.length).toBe(1_001);
    for (let i = 0; i < 60; i++) log.error(`error ${i}`);
    expect(log.recent()).toHaveLength(50);
    expect(log.recent().at(-1)).toContain("error 59");
    expect(written).toHaveBeenCalledTimes(63);
  } finally {
    written.mockRestore();
  }
});
