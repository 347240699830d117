/** Just enough of SMTP (RFC 5321) to hand over one mail: EHLO, STARTTLS, AUTH PLAIN, one message. */
import { connect as connectTcp, type Socket } from "node:net";
import { hostname } from "node:os";
import { connect as connectTls } from "node:tls";

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly security: "none" | "starttls" | "tls";
  readonly username?: string;
  readonly password?: string;
}

export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
  /** The whole message, lines ended by CRLF. */
  readonly message: string;
}

/** The server refused; `message` is what it was asked and its code. */
export class Refused extends Error {}

interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
}

const isLocal = (host: string) => host === "localhost" || host === "::1" || host.startsWith("127.");

/** One connection: commands go out one at a time, each is answered. */
class Conversation {
  #socket: Socket;
  #rest = "";
  #lines: string[] = [];
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null;
  readonly #replies: Reply[] = [];
  #error: Error | null = null;
  readonly #onData = (chunk: Buffer) => this.#take(chunk.toString("latin1"));
  readonly #onError = (error: Error) => this.#fail(error);
  readonly #onClose = () => this.#fail(new Refused("the server closed the connection"));

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  #listen(): void {
    this.#socket.on("data", this.#onData).on("error", this.#onError).on("close", this.#onClose);
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\r\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length + this.#lines.length * 80 > 64 * 1024)
      this.#fail(new Refused("the answer is too long"));
    for (const line of lines) {
      this.#lines.push(line.slice(4));
      if (line[3] === "-") continue;
      const reply = { code: Number(line.slice(0, 3)), lines: this.#lines };
      this.#lines = [];
      if (this.#waiting === null) this.#replies.push(reply);
      else this.#waiting.resolve(reply);
      this.#waiting = null;
    }
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#waiting?.reject(this.#error);
    this.#waiting = null;
  }

  #reply(): Promise<Reply> {
    const known = this.#replies.shift();
    if (known !== undefined) return Promise.resolve(known);
    if (this.#error !== null) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** `what` stands for the command in errors: a command may hold a password. */
  async say(
    command: string | null,
    wanted: number,
    what = command ?? "greeting",
  ): Promise<readonly string[]> {
    if (command !== null) this.#socket.write(`${command}\r\n`);
    const { code, lines } = await this.#reply();
    if (Math.floor(code / 100) !== wanted) throw new Refused(`the server answers ${code} to ${what}`);
    return lines;
  }

  /** Goes on encrypted. What was said in the clear before is forgotten. */
  async encrypt(host: string): Promise<void> {
    this.#socket.off("data", this.#onData).off("error", this.#onError).off("close", this.#onClose);
    this.#rest = "";
    this.#replies.length = 0;
    const secure = connectTls({ socket: this.#socket, servername: host });
    this.#socket = secure;
    await new Promise<void>((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
    this.#listen();
  }

  end(): void {
    this.#socket.destroy();
  }
}

/** A line that is a dot alone would end the message. */
export const stuffed = (message: string): string => message.replace(/^\./gm, "..");

/** Resolves once the server has taken the mail for every address. Rejects otherwise, also after `withinMs`. */
export async function sendMail(
  server: Server,
  { from, to, message }: Envelope,
  withinMs: number,
): Promise<void> {
  const { host, port, security, username, password = "" } = server;
  const socket =
    security === "tls" ? connectTls({ host, port, servername: host }) : connectTcp({ host, port });
  const conversation = new Conversation(socket);
  const timer = setTimeout(() => socket.destroy(new Refused("no answer in time")), withinMs);
  const name = hostname().replace(/[^A-Za-z0-9.-]/g, "") || "localhost";
  try {
    await conversation.say(null, 2);
    await conversation.say(`EHLO ${name}`, 2, "EHLO");
    if (security === "starttls") {
      await conversation.say("STARTTLS", 2);
      await conversation.encrypt(host);
      await conversation.say(`EHLO ${name}`, 2, "EHLO");
    }
    if (username !== undefined && username !== "") {
      if (security === "none" && !isLocal(host)) {
        throw new Refused("a password is not sent unencrypted: set mail.security to starttls or tls");
      }
      const secret = Buffer.from(`\0${username}\0${password}`).toString("base64");
      await conversation.say(`AUTH PLAIN ${secret}`, 2, "AUTH");
    }
    await conversation.say(`MAIL FROM:<${from}>`, 2);
    for (const address of to) await conversation.say(`RCPT TO:<${address}>`, 2);
    await conversation.say("DATA", 3);
    await conversation.say(`${stuffed(message)}\r\n.`, 2, "the message");
    // It has the mail: how it says good-bye matters no more.
    await conversation.say("QUIT", 2).catch(() => {});
  } finally {
    clearTimeout(timer);
    conversation.end();
  }
}
