/** What one agent hands over to the next, and who believes it. */
import { expect, test } from "vitest";
import { type HandedExecution, handedText, parseHanded } from "../../../../agent/actions/handed-over.ts";
import { OutputCapture } from "../../../../agent/actions/output-capture.ts";
import { runtimeFolder } from "../../../../agent/agent-folder-fs.ts";
import { jobOf } from "../../../../agent/aside-process.ts";

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

const text = (changes: object) => handedText({ ...own, executions: [{ ...handed, ...changes }] });

test("the process that wrote it reads it as it was", () => {
  expect(parseHanded(handedText({ ...own, executions: [handed] }), own)).toEqual({
    executions: [handed],
    problem: null,
  });
});

test("what passes between two agents is taken from the time that is left, but for what is paused", () => {
  const executions = [handed, { ...handed, execution: "02K", paused: true }];
  const later = { ...own, at_ms: own.at_ms + 400 };
  const left = (by: typeof own) =>
    parseHanded(handedText({ ...own, executions }), by).executions.map((each) => each.remaining_ms);
  expect(left(later)).toEqual([600, 1_000]);
  expect(left({ ...own, at_ms: own.at_ms + 2_000 })).toEqual([0, 1_000]);
  const { at_ms: _, ...older } = own;
  expect(parseHanded(handedText({ ...older, executions }), later).executions).toEqual(executions);
});

const talk = { owner: "p.C", report: null };
const line = { kept: "", seen_bytes: 0, dropping: false };
const withChannel = (channel: object) => text({ process: { ...handed.process, channel } });

test("a script's channel comes along", () => {
  const given = withChannel({ talk, line, unread: "YQ==" });
  expect(parseHanded(given, own).executions[0]?.process.channel).toEqual({ talk, line, unread: "YQ==" });
});

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
  ["with half a channel", withChannel({ talk, line }), expect.stringContaining("'unread'")],
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

test.each([
  ["", null],
  ["No jobs running.\n", null],
  ["  171 petrel-agent.service restart running\n", "restart"],
  [" 12 other.service restart waiting\n 13 petrel-agent.service stop running\n", "stop"],
  ["● 14 petrel-agent.service start waiting", "start"],
  ["15 petrel-agent.service.d restart running", null],
])("of the jobs %j the agent's is %s", (text, job) => {
  expect(jobOf(text, "petrel-agent.service")).toBe(job);
});
