/** What one agent hands over to the next, and who believes it. */
import { expect, test } from "vitest";
import { type HandedExecution, handedText, parseHanded } from "../../../../agent/actions/handed-over.ts";
import { OutputCapture } from "../../../../agent/actions/output-capture.ts";
import { runtimeFolder } from "../../../../agent/agent-folder-fs.ts";

const own = { pid: 4711, start_ticks: 1234, at_ms: 50_000 };
const handed: HandedExecution = {
  execution: "01K",
  process: {
    group: { pgid: 4712, start_ticks: 1300, boot_id: "b" },
    fds: [null, 20, 21],
    stdout: { kept: "YQ==", seen_bytes: 1 },
    stderr: { kept: "", seen_bytes: 0 },
  },
  remaining_ms: 1_000,
  paused: false,
};

test("the process that wrote it reads it as it was", () => {
  expect(parseHanded(handedText({ ...own, executions: [handed] }), own)).toEqual({
    executions: [handed],
    problem: null,
  });
});

const text = (changes: object) => handedText({ ...own, executions: [{ ...handed, ...changes }] });

test.each([
  ["nothing", null, null],
  ["half a file", '{"pid":4711,', expect.stringContaining("JSON")],
  ["another process's", handedText({ ...own, pid: 4710, executions: [handed] }), null],
  [
    "an earlier process's of the same number",
    handedText({ ...own, start_ticks: 1, executions: [handed] }),
    null,
  ],
  ["a list", "[]", "handed-over must be object"],
  ["without time", text({ remaining_ms: undefined }), expect.stringContaining("'remaining_ms'")],
  [
    "with the group of init",
    text({ process: { ...handed.process, group: { ...handed.process.group, pgid: 1 } } }),
    "handed-over/executions/0/process/group/pgid must be >= 2",
  ],
  [
    "with the agent's own output",
    text({ process: { ...handed.process, fds: [null, 1, 2] } }),
    "handed-over/executions/0/process/fds/1 must be >= 3",
  ],
])("%s is not believed", (_, given, problem) =>
  expect(parseHanded(given, own)).toEqual({ executions: [], problem }),
);

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  "output that is handed over after %d bytes is as if it had not been",
  (cut) => {
    const bytes = Buffer.from("aä€😀z");
    const pieces: [number, string][] = [];
    const first = new OutputCapture(1024, (offset, text) => pieces.push([offset, text]));
    first.write(bytes.subarray(0, cut));
    const second = new OutputCapture(1024, (offset, text) => pieces.push([offset, text]), first.soFar());
    second.write(bytes.subarray(cut));
    expect(second.end()).toEqual({ text: "aä€😀z", droppedBytes: 0 });
    expect(pieces.map(([, text]) => text).join("")).toBe("aä€😀z");
    let at = 0;
    for (const [offset, text] of pieces) {
      expect(offset).toBe(at);
      at += Buffer.byteLength(text);
    }
  },
);

test("what was dropped beyond the cap stays counted", () => {
  const first = new OutputCapture(3, () => {});
  first.write(Buffer.from("abcde"));
  const second = new OutputCapture(3, () => {}, first.soFar());
  second.write(Buffer.from("fg"));
  expect(second.end()).toEqual({ text: "abc", droppedBytes: 4 });
});

test.each([
  [undefined, null],
  ["", null],
  ["/run/petrel-agent", "/run/petrel-agent"],
  ["/run/petrel-agent:/run/of-a-drop-in", "/run/petrel-agent"],
])("with RUNTIME_DIRECTORY=%s it lies in %s", (value, folder) => {
  expect(runtimeFolder(value === undefined ? {} : { RUNTIME_DIRECTORY: value })).toBe(folder);
});
