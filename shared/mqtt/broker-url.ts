/** Where a broker is: `mqtt://HOST[:PORT]` as people write it. */
import { isLoopback } from "../config/listen.ts";
import { PetrelError } from "../errors.ts";

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

/**
 * Reads a broker's URL. Throws CONFIG_INVALID for what is none, LINK_INSECURE when it leads off this machine:
 * without enrolment nothing on such a connection is authenticated.
 */
export function parseBrokerUrl(text: string): BrokerAddress {
  const hint = "write mqtt://HOST:PORT, for instance mqtt://127.0.0.1:1883";
  if (!URL.canParse(text)) {
    const where = text.slice(0, 256).replace(/^.*@/, "");
    throw new PetrelError("CONFIG_INVALID", "the broker's address is no URL", { where, hint });
  }
  const url = new URL(text);
  const shown = `${url.protocol}//${url.host}`;
  if (url.protocol !== "mqtt:" || url.hostname === "" || !["", "/"].includes(url.pathname)) {
    throw new PetrelError("CONFIG_INVALID", "this is no broker's address", { where: shown, hint });
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!isLoopback(host)) {
    throw new PetrelError("LINK_INSECURE", `${host} is not on this machine, and there is no enrolment yet`, {
      where: shown,
      hint: "use a broker on 127.0.0.1",
    });
  }
  return {
    host,
    port: url.port === "" ? 1883 : Number(url.port),
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
