/** Installation and upgrades of the program itself. */
import type { Codes } from "./entry.ts";

export const installationCodes = {
  INSTALL_ROOT: { status: 500, exit: 4, text: "Only root may install on this host." },
  INSTALL_BINARY: { status: 500, exit: 2, text: "There is no one file of the program to install." },
  INSTALL_PATH: { status: 500, exit: 1, text: "Something else is where an installation has its files." },
  INSTALL_UNSAFE: {
    status: 500,
    exit: 4,
    text: "Others than root may write where programs run as root lie.",
  },
  INSTALL_PACKAGE: {
    status: 500,
    exit: 4,
    text: "A package has put the program here, and upgrades and removes it.",
  },
  INSTALL_USER: { status: 500, exit: 1, text: "A user of the host cannot be made." },
  NOT_INSTALLED: { status: 500, exit: 1, text: "The program is not installed on this host." },
  SERVICE_FAILED: { status: 500, exit: 1, text: "The host's systemd did not do what it was asked for." },
  UPGRADE_RUNNING: { status: 409, exit: 1, retry: true, text: "An upgrade of this program is under way." },
  UPGRADE_DIGEST: { status: 400, exit: 4, text: "A program is not the one that was asked for." },
  UPGRADE_ARCHITECTURE: { status: 400, exit: 4, text: "A program is for another kind of machine." },
  UPGRADE_UNFIT: {
    status: 400,
    exit: 4,
    text: "A program does not run here, is another one, or cannot read this host's data.",
  },
  UPGRADE_OLDER: { status: 409, exit: 4, text: "A program is older than the one that is installed." },
  UPGRADE_FORMAT: { status: 409, exit: 4, text: "After this upgrade there would be no way back." },
  UPGRADE_UNSIGNED: {
    status: 403,
    exit: 4,
    text: "An agent was told of a binary by somebody who does not speak for its hub.",
  },
  UPGRADE_EXPIRED: { status: 409, exit: 1, text: "A request to upgrade came too late to be carried out." },
  UPGRADE_STEP: { status: 409, exit: 4, text: "Another version has to be installed between these two." },
  UPGRADE_ROOM: { status: 507, exit: 1, text: "A host has too little room on its disk for an upgrade." },
  UPGRADE_CUT_OFF: { status: 500, exit: 1, text: "Whoever carried out an upgrade was killed each time." },
  RELEASE_INVALID: { status: 400, exit: 2, text: "A binary cannot be handed out to agents." },
  RELEASE_UNKNOWN: { status: 404, exit: 1, text: "The hub has no binary of this version." },
  ROLLOUT_STATE: { status: 409, exit: 1, text: "A rollout cannot do this as it is now." },
  UPGRADE_VERSION_TAKEN: {
    status: 409,
    exit: 4,
    text: "A version is installed already, with another content.",
  },
  UPGRADE_ROLLED_BACK: {
    status: 500,
    exit: 1,
    text: "A new version was not well, and the old one was put back.",
  },
  UPGRADE_UNWELL: {
    status: 500,
    exit: 1,
    text: "A new version is not well, and stays: the old one could not read its database.",
  },
  UPGRADE_UNSEEN: { status: 500, exit: 1, text: "How a new version is could not be seen on this host." },
} as const satisfies Codes;
