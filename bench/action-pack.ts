/** The pack of `bench actions`: one action for each runner, all of which do next to nothing; and each as a bare program. */

export interface BenchAction {
  readonly runner: string;
  /** The action's file besides its metadata. */
  readonly script?: { readonly name: string; readonly text: string };
  readonly parameters?: object;
  /** The same as a program of its own, without the product; `{}` stands for the script's path. None: no process. */
  readonly bare?: { readonly command: string; readonly args: readonly string[]; readonly text?: string };
}

const echo = "echo done";

export const benchActions: Readonly<Record<string, BenchAction>> = {
  noop: { runner: "noop" },
  "local-shell-cmd": {
    runner: "local-shell-cmd",
    parameters: { cmd: { type: "string", default: echo, immutable: true } },
    bare: { command: "bash", args: ["-c", echo] },
  },
  "local-shell-script": {
    runner: "local-shell-script",
    script: { name: "work.sh", text: `#!/bin/bash\n${echo}\n` },
    bare: { command: "bash", args: ["{}"], text: `${echo}\n` },
  },
  "python-script": {
    runner: "python-script",
    script: {
      name: "work.py",
      text: [
        "from st2common.runners.base_action import Action",
        "class Work(Action):",
        "    def run(self):",
        "        return 'done'",
        "",
      ].join("\n"),
    },
    bare: { command: "python3", args: ["{}"], text: "import json\nprint(json.dumps('done'))\n" },
  },
  "node-script": {
    runner: "node-script",
    script: { name: "work.ts", text: 'export default () => "done";\n' },
    bare: { command: process.execPath, args: ["{}"], text: 'console.log(JSON.stringify("done"));\n' },
  },
};

/** The files as the API takes them. YAML takes JSON as it is. */
export function actionPack(): readonly { readonly path: string; readonly content: string }[] {
  const files = new Map<string, string>([
    [
      "pack.yaml",
      JSON.stringify({ ref: "work", name: "work", version: "1.0.0", description: "Work", author: "Petrel" }),
    ],
  ]);
  for (const [name, { runner, script, parameters }] of Object.entries(benchActions)) {
    const metadata = {
      name,
      runner_type: runner,
      enabled: true,
      entry_point: script?.name ?? "",
      parameters,
    };
    files.set(`actions/${name}.yaml`, JSON.stringify(metadata));
    if (script !== undefined) files.set(`actions/${script.name}`, script.text);
  }
  return [...files].map(([path, text]) => ({ path, content: Buffer.from(text).toString("base64") }));
}
