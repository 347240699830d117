/** `node relay.ts LISTEN-PORT SOCKET`: carries connections to a port of the place where this runs to a socket by path. */
import { connect, createServer, type Socket } from "node:net";

const [port, path] = process.argv.slice(2);
if (port === undefined || path === undefined) throw new Error("node relay.ts PORT SOCKET");

createServer({ noDelay: true }, (near) => {
  const far = connect(path);
  const tie = (one: Socket, other: Socket) => {
    one.on("error", () => {});
    one.once("close", () => other.destroy());
    one.pipe(other);
  };
  tie(near, far);
  tie(far, near);
}).listen(Number(port), "::", () => console.log("listening"));
