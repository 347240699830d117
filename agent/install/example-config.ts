/** `docs/agent.example.yaml`, which a test keeps equal: what an installed agent has as its configuration at first. */
export const exampleAgentConfig = `# agent.yaml: settings of \`petrel-agent run --config agent.yaml\`; without --config, /etc/petrel/agent.yaml is read if
# it exists. Everything is optional; what stands here are the defaults. A variable of the environment wins over this
# file, a flag wins over both. An unknown name or a wrong value stops the start, with file and line.

# Folder of the agent's database: outbox, journal, packs (PETREL_AGENT_DATA, --data).
# Without it: /var/lib/petrel-agent for root, else ~/.petrel/agent.
# data: /var/lib/petrel-agent

# Where the hub's broker listens (PETREL_HUB, --hub). Without it where this agent enrolled; in dev mode
# mqtt://127.0.0.1:1883.
# hub: mqtts://hub.example.org:8883

# Name of this agent, unique in the fleet; without it the host's name (PETREL_AGENT_ID, --id).
# id: web-1

# Labels that rules and \`petrel run --labels\` choose agents by (PETREL_AGENT_LABELS=role=web,site=berlin, --label role=web).
labels: {}

outbox:
  # MiB of what waits for the hub (PETREL_AGENT_OUTBOX_MIB). When it is full sensors wait, and so nothing is lost;
  # results of actions and gaps have 4 MiB of it to themselves.
  max_mib: 256

actions:
  # User of this host that actions run as when the agent runs as root (PETREL_AGENT_ACTIONS_USER). Without it: petrel,
  # which has to exist. root gives every action all rights. An agent that is not root runs them as itself.
  # user: petrel

  # Other users that an action may ask for with \`run_as\` (PETREL_AGENT_ACTIONS_RUN_AS=deploy,postgres).
  run_as: []

  # Whether actions with \`sudo\` get the rights of a root agent (PETREL_AGENT_ACTIONS_SUDO). Without it they go through
  # this host's sudo, as the user above, and its sudoers file decides.
  sudo: false

  # How many actions run at once (PETREL_AGENT_ACTIONS_CONCURRENCY); further ones wait, those that somebody started by
  # hand before those of rules, three for one.
  concurrency: 32

  # How many requests wait and run here at most (PETREL_AGENT_ACTIONS_MAX_OPEN); further ones stay with the hub. Cancels
  # and new versions of packs come all the same.
  max_open: 10000

  # How many at once of one action, by its ref, or of several together, by a pattern: {backup.full: 1, "reports.*": 4}.
  # Who waits for such a place holds up nobody behind.
  limits: {}

  # Seconds that running actions have to end by themselves when the agent stops (PETREL_AGENT_ACTIONS_DRAIN_SECONDS).
  # What runs after them is ended, and the hub is told that it is abandoned; a second Ctrl-C or SIGTERM ends it at once.
  drain_seconds: 4

# Policy file of this host (PETREL_AGENT_POLICY): which packs, sensors, actions, runners and users it allows, whatever a
# hub asks for. See policy.example.yaml. Without it /etc/petrel/policy.yaml, if that exists.
# policy: /etc/petrel/policy.yaml

packs:
  # auto: a pack with a requirements.txt gets a virtualenv of its own, beside its files (PETREL_AGENT_VIRTUALENV).
  # never: this host's python3 has to have what packs import.
  virtualenv: auto

  # Where pip finds packages (PETREL_AGENT_PIP_INDEX): the URL of an index, or a folder of wheels. Without it pip looks
  # where this host's pip.conf says.
  # pip_index: https://pypi.example.org/simple

sensors:
  # Seconds of silence (PETREL_AGENT_READY_SECONDS) after which a sensor that was started with another version or
  # configuration, and is not ready yet, is given up: it goes on as it was before, and the reason is told.
  ready_seconds: 600

log:
  # The least urgent lines that are written: debug, info, warn or error (PETREL_LOG_LEVEL, --log-level).
  level: info
  # text for people, json for log collectors (PETREL_LOG_FORMAT).
  format: text
`;
