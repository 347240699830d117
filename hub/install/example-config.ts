/** `docs/hub.example.yaml`, which a test keeps equal: what an installed hub has as its configuration at first. */
export const exampleHubConfig = `# hub.yaml: settings of \`petrel hub --config hub.yaml\`; without --config, /etc/petrel/hub.yaml is read if it exists.
# Everything is optional; what stands here are the defaults. A variable of the environment wins over this file,
# a flag wins over both. An unknown name or a wrong value stops the start, with file and line.

# Folder of the hub's database and of api.json (PETREL_DATA, --data).
# Without it: .petrel/hub here if it exists, else /var/lib/petrel for root, else ~/.petrel/hub.
# data: /var/lib/petrel

# More names and addresses that clients reach this hub by (PETREL_NAMES, with commas). They are put into the certificate of the
# fleet's own authority, beside this host's name and addresses. Agents go by the fleet's root key and look at no name; who
# asks the HTTP API does. Such as [petrel.example.org, 192.0.2.7].
names: []

http:
  # PORT or HOST:PORT of the HTTP API; off loopback with TLS only. 0 takes any free port (PETREL_HTTP, --http).
  listen: 127.0.0.1:7480
  tls:
    # PEM file with the API's certificate, its chain behind it (PETREL_HTTP_TLS_CERT). A changed one is taken within a minute.
    # cert: /etc/petrel/api.crt
    # PEM file with its private key, without a password (PETREL_HTTP_TLS_KEY).
    # key: /etc/petrel/api.key
  # true lets the API listen off loopback without TLS: the network can read its keys and answers (PETREL_HTTP_INSECURE).
  insecure: false

mqtt:
  # PORT or HOST:PORT of the embedded MQTT broker. 0 takes any free port (PETREL_MQTT, --mqtt).
  # Without it 0.0.0.0:8883, with TLS; in dev mode 127.0.0.1:1883, without.
  # listen: 0.0.0.0:8883

broker:
  # An MQTT broker to use in place of the embedded one (PETREL_BROKER_URL, --broker-url).
  # url: mqtt://127.0.0.1:1883

retention:
  # Days that trigger instances, enforcements and ended executions are kept (PETREL_RETENTION_DAYS).
  days: 90
  # Trigger instances that are kept at most; the oldest go first (PETREL_RETENTION_MAX_INSTANCES).
  max_instances: 5000000
  # MiB that history may take on disk, large results included; the oldest goes first, whatever its age
  # (PETREL_RETENTION_MAX_MIB). Without it there is no such cap.
  # max_mib: 20000

agents:
  # Seconds an agent may be away before the trigger petrel.agent_lost tells of it (PETREL_AGENTS_LOST_AFTER).
  lost_after: 120
  # Days that an agent's certificate lives; renewed at two thirds of it while the agent is there
  # (PETREL_AGENTS_CERTIFICATE_DAYS).
  certificate_days: 30

# What one address may take of what there is for all: one IPv4 address, or one /64 of IPv6. What comes from this
# machine is not counted, nor are agents once they have shown their key.
per_address:
  # Connections to the embedded broker that have not shown yet who they are (PETREL_PER_ADDRESS_STRANGERS).
  strangers: 256
  # Hosts that enrol at the same time, of 64 in all (PETREL_PER_ADDRESS_ENROLMENTS).
  enrolments: 16
  # Hosts that wait to be approved, of 1,000 in all (PETREL_PER_ADDRESS_WAITING).
  waiting: 100
  # Connections to the HTTP API, of 1,024 in all (PETREL_PER_ADDRESS_HTTP).
  http: 128

rules:
  # Rules that may act one after the other, each on what the one before led to; a longer chain is stopped
  # (PETREL_RULES_LOOP_DEPTH).
  loop_depth: 8

timers:
  # What timers make up for that passed while no hub ran: none, the last time of each, or all (100 at most)
  # (PETREL_TIMERS_CATCH_UP).
  catch_up: last

log:
  # The least urgent lines that are written: debug, info, warn or error (PETREL_LOG_LEVEL, --log-level).
  level: info
  # text for people, json for log collectors (PETREL_LOG_FORMAT).
  format: text
`;
