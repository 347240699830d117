/** Configuration of a mosquitto that carries a fleet's link: who may do what there follows from certificates. Pure text. */

export interface MosquittoFacts {
  /** First levels of every topic. */
  readonly prefix: string;
  /** Client id and common name of the hub. */
  readonly hub: string;
  /** Port of the link; hosts enrol on the next one. */
  readonly port: number;
  /** Folder in which the files will lie. */
  readonly folder: string;
}

/** File name to text; keys and certificates come from the hub. */
export function mosquittoFiles({
  prefix,
  hub,
  port,
  folder,
}: MosquittoFacts): Readonly<Record<string, string>> {
  const tls = [
    `cafile ${folder}/ca.crt`,
    `certfile ${folder}/broker.crt`,
    `keyfile ${folder}/broker.key`,
    "tls_version tlsv1.3",
  ];
  const conf = [
    "# Made by `petrel hub broker-config mosquitto`.",
    "per_listener_settings true",
    "persistence false",
    "set_tcp_nodelay true",
    "max_queued_messages 100000",
    "max_inflight_messages 1000",
    "",
    "# The link: the common name of a certificate is user name and client id.",
    `listener ${port}`,
    ...tls,
    "require_certificate true",
    "use_identity_as_username true",
    "use_username_as_clientid true",
    `acl_file ${folder}/link.acl`,
    "",
    "# Hosts that have no certificate yet, and agents whose certificate has run out.",
    `listener ${port + 1}`,
    ...tls,
    "require_certificate false",
    "allow_anonymous true",
    "max_connections 64",
    `acl_file ${folder}/enroll.acl`,
    "",
  ];
  const own = `${prefix}/v1/agent/%u`;
  const link = [
    `user ${hub}`,
    `topic readwrite ${prefix}/v1/agent/+/+`,
    `topic readwrite ${prefix}/v1/enroll/#`,
    "",
    ...["up", "down-receipt", "stream", "presence"].map((kind) => `pattern write ${own}/${kind}`),
    ...["up-receipt", "down"].map((kind) => `pattern read ${own}/${kind}`),
    ...["hello", "ask", "answer"].map((kind) => `pattern readwrite ${own}/${kind}`),
    "",
  ];
  const enroll = [`topic write ${prefix}/v1/enroll/+/ask`, `topic read ${prefix}/v1/enroll/+/answer`, ""];
  return { "mosquitto.conf": conf.join("\n"), "link.acl": link.join("\n"), "enroll.acl": enroll.join("\n") };
}
