// A watcher of another project in a process of its own: `live` on its standard output, then a path a line.
const [name, root] = process.argv.slice(2);
let pending = "";
const flush = () => {
  if (pending !== "") process.stdout.write(pending);
  pending = "";
};
// At once, and all that one turn of the loop brings in one write.
const say = (path) => {
  if (pending === "") setImmediate(flush);
  pending += `${path}\n`;
};
if (name === "chokidar") {
  const { watch } = await import("chokidar");
  const watcher = watch(root, { ignoreInitial: true });
  watcher.on("all", (_event, path) => say(path)).on("ready", () => process.stdout.write("live\n"));
} else {
  const { default: parcel } = await import("@parcel/watcher");
  await parcel.subscribe(
    root,
    (_error, events) => {
      for (const { path } of events) say(path);
    },
    { backend: "inotify" },
  );
  process.stdout.write("live\n");
}
