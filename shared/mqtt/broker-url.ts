/** Where a broker is: `mqtt://HOST[:PORT]`, or `mqtts://HOST[:PORT]` with TLS, as people write it. */
import { isLoopback } from "../config/listen.ts";
import { PetrelError } from "../errors.ts";

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  /** `mqtts://` */
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

/**
 * Reads a broker's URL; ports are 1883, and 8883 with TLS, when it names none. Throws CONFIG_INVALID for what is none.
 * `enrolled`: this side has an identity, so that `mqtts://` may lead anywhere. `mqtt://` stays on this machine, since
 * everybody can read along there; LINK_INSECURE for what must not be connected to.
 */
export function parseBrokerUrl(text: string, { enrolled = false } = {}): BrokerAddress {
  const hint = enrolled
    ? "write mqtts://HOST:PORT, for instance mqtts://hub.example.org:8883"
    : "write mqtt://HOST:PORT, for instance mqtt://127.0.0.1:1883";
  if (!URL.canParse(text)) {
    const where = text.slice(0, 256).replace(/^.*@/, "");
    throw new PetrelError("CONFIG_INVALID", "the broker's address is no URL", { where, hint });
  }
  const url = new URL(text);
  const shown = `${url.protocol}//${url.host}`;
  if (
    !["mqtt:", "mqtts:"].includes(url.protocol) ||
    url.hostname === "" ||
    !["", "/"].includes(url.pathname)
  ) {
    throw new PetrelError("CONFIG_INVALID", "this is no broker's address", { where: shown, hint });
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const tls = url.protocol === "mqtts:";
  if (tls && !enrolled) {
    throw new PetrelError("LINK_INSECURE", "TLS needs an identity, and there is none in dev mode", {
      where: shown,
      hint: "leave --dev out, and enrol: `petrel-agent enroll --help`",
    });
  }
  if (!tls && !isLoopback(host)) {
    throw new PetrelError("LINK_INSECURE", `${host} is not on this machine, and mqtt:// is not encrypted`, {
      where: shown,
      hint: enrolled
        ? "write mqtts:// in place of mqtt://"
        : "use a broker on 127.0.0.1, or enrol and use mqtts://",
    });
  }
  return {
    host,
    port: url.port === "" ? (tls ? 8883 : 1883) : Number(url.port),
    tls,
    ...(url.username !== "" && { username: decoded(url.username, shown) }),
    ...(url.password !== "" && { password: decoded(url.password, shown) }),
  };
}

/** The URL as it may be shown and logged: without user name and password. */
export function shownBrokerUrl(text: string): string {
  if (!URL.canParse(text)) return "";
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}`;
}

function decoded(text: string, where: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new PetrelError("CONFIG_INVALID", "user name or password has a broken % escape", {
      where,
      hint: "write a literal % as %25",
      cause,
    });
  }
}
