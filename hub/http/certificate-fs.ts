/** The API's certificate in files, which are read again when they change. */
import { readFile } from "node:fs/promises";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import {
  type CertificatePair,
  type CertificateSource,
  certificateFacts,
  requirePair,
} from "./certificate.ts";

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface FileCertificate extends CertificateSource {
  /** Reads the files again; false when they are as they were. CONFIG_INVALID, FILE_UNREADABLE: what was read before stays. */
  look(): Promise<boolean>;
  close(): void;
}

/** A renewed certificate is taken within this time. */
const lookEveryMs = 60_000;

/** CONFIG_INVALID, FILE_UNREADABLE. */
export async function openCertificate(
  files: CertificateFiles,
  { timers, log }: { readonly timers: Timers; readonly log: Logger },
): Promise<FileCertificate> {
  let pair = await readPair(files);
  const listeners = new Set<(pair: CertificatePair) => void>();
  const look = async () => {
    const next = await readPair(files);
    if (next.cert === pair.cert && next.key === pair.key) return false;
    pair = next;
    for (const listener of listeners) listener(pair);
    const { subject, validTo } = certificateFacts(pair);
    log.info("the API shows a new certificate", { subject, valid_to: new Date(validTo).toISOString() });
    return true;
  };
  let isClosed = false;
  let cancel = () => {};
  const lookAgain = () => {
    cancel = timers.after(lookEveryMs, () => {
      // Between the writing of the one file and the other they do not fit: the next look finds them whole.
      void look()
        .catch((error: unknown) =>
          log.warn("the API's certificate cannot be read again", { ...files, error }),
        )
        .finally(() => {
          if (!isClosed) lookAgain();
        });
    });
  };
  lookAgain();
  return {
    current: () => pair,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look,
    close: () => {
      isClosed = true;
      cancel();
    },
  };
}

async function readPair(files: CertificateFiles): Promise<CertificatePair> {
  const text = async (path: string, setting: string) => {
    try {
      return await readFile(path, "utf8");
    } catch (cause) {
      throw new PetrelError("FILE_UNREADABLE", `${path} cannot be read`, {
        where: setting,
        hint: "give a PEM file that the hub's user may read",
        cause,
      });
    }
  };
  const pair = {
    cert: await text(files.cert, "http.tls.cert"),
    key: await text(files.key, "http.tls.key"),
  };
  requirePair(pair, files);
  return pair;
}
