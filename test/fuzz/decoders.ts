/** Everything that reads what others wrote, by name. */
import type { OpenDecoder } from "./campaign.ts";
import { openContents, openTar } from "./decoders/archives.ts";
import { openAsks, openBlobs } from "./decoders/asks.ts";
import { openBroker } from "./decoders/broker.ts";
import { openExpressions, openTemplates } from "./decoders/expressions.ts";
import { openHttp } from "./decoders/http.ts";
import { openCertificates, openEnrolment, openTokens } from "./decoders/identity.ts";
import { openLinkOfAgent, openLinkOfHub } from "./decoders/link.ts";
import { openConfig, openPack, openPolicy, openYaml } from "./decoders/metadata.ts";
import { openFrames, openLines } from "./decoders/streams.ts";
import { openBeside, openDown, openHello, openUp } from "./decoders/wire.ts";

export const decoders: ReadonlyMap<string, OpenDecoder> = new Map([
  ["up", openUp],
  ["down", openDown],
  ["hello", openHello],
  ["beside", openBeside],
  ["link-hub", openLinkOfHub],
  ["link-agent", openLinkOfAgent],
  ["enrolment", openEnrolment],
  ["certificates", openCertificates],
  ["tokens", openTokens],
  ["yaml", openYaml],
  ["pack", openPack],
  ["config", openConfig],
  ["policy", openPolicy],
  ["tar", openTar],
  ["contents", openContents],
  ["asks", openAsks],
  ["blobs", openBlobs],
  ["http", openHttp],
  ["broker", openBroker],
  ["lines", openLines],
  ["frames", openFrames],
  ["templates", openTemplates],
  ["expressions", openExpressions],
]);
