/** What lies in a pack's folder or archive and is never run: version control, caches, editors' files. Pure. */

const folders = new Set([".git", ".hg", ".svn", "__pycache__", ".venv", ".pytest_cache", ".idea", ".vscode"]);

/** True for the name of a file or folder that is no content of a pack. */
export function isLeftOut(name: string, isFolder: boolean): boolean {
  return isFolder ? folders.has(name) : /\.py[co]$|^\.DS_Store$/.test(name);
}

/** True when the file at `path` or a folder above it is left out. */
export function isPathLeftOut(path: string): boolean {
  const steps = path.split("/");
  return steps.some((step, index) => isLeftOut(step, index < steps.length - 1));
}
