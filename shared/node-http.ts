/**
 * Node's modules for HTTP, for who needs only them. `import … from "node:http"` reads all that the module has, also
 * `WebSocket`, and that loads the whole of undici: more than half of what a command's start cost.
 */
export const http = process.getBuiltinModule("node:http");
export const https = process.getBuiltinModule("node:https");
