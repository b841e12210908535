# shellcheck shell=bash
# A private RabbitMQ: its own ports on loopback, its own epmd, all files in one folder, no plugins. It shares
# nothing with another broker on this machine and ends with the script. Needs common.sh and prerequisites.sh.

broker_pids=() # epmd and the Erlang machine, both direct children

# Below the ports that outgoing connections take. Another program may still take the port first, hence the retries.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    # Connecting is the test: refused means that no program listens.
    (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  printf '%s\n' "$port"
}

# Whether the server on this port answers the protocol header with a method frame, as brokers do.
speaks_amqp() {
  local port=$1 first
  {
    printf 'AMQP\0\0\011\001' >&8
    LC_ALL=C IFS='' read -r -N 1 -t 2 -u 8 first && [[ $first == $'\001' ]]
  } 2>/dev/null 8<>"/dev/tcp/127.0.0.1/$port"
}

# broker_start FOLDER: starts a broker whose files are in FOLDER, and sets broker_url once it accepts AMQP.
broker_start() {
  local folder=$1 try
  for try in 1 2 3 4 5; do
    if broker_try "$folder/$try"; then return; fi
    broker_stop
  done
  tail -n 20 "$folder/$try/output" "$folder/$try"/*.log >&2 || true
  die "RabbitMQ did not start in $try attempts; see its output above."
}

broker_try() {
  local folder=$1 port epmd_port dist_port server tick
  port=$(free_port) epmd_port=$(free_port) dist_port=$(free_port)
  server=$(rabbitmq_server) || die "RabbitMQ is not installed."
  mkdir -p "$folder/conf.d"
  : >"$folder/rabbitmq-env.conf"
  echo '[].' | tee "$folder/enabled_plugins" >"$folder/advanced.config"
  # The disk alarm of a nearly full machine would block publishers.
  echo 'disk_free_limit.absolute = 1MB' >"$folder/rabbitmq.conf"

  # Nothing of the caller's environment, nothing of /etc/rabbitmq.
  local environment=(
    PATH="$PATH" HOME="$folder" LANG=C.UTF-8
    ERL_CRASH_DUMP_BYTES=0 ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1
    RABBITMQ_NODENAME="fm-$port@localhost"
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT="$dist_port"
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
    RABBITMQ_CONF_ENV_FILE="$folder/rabbitmq-env.conf"
    RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" RABBITMQ_CONFIG_FILES="$folder/conf.d"
    RABBITMQ_ADVANCED_CONFIG_FILE="$folder/advanced.config"
    RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins"
    RABBITMQ_MNESIA_BASE="$folder" RABBITMQ_LOG_BASE="$folder" RABBITMQ_LOGS="$folder/rabbitmq.log"
    RABBITMQ_PID_FILE="$folder/pid"
    RUNNING_UNDER_SYSTEMD=true # the script becomes the server, so that its pid is the server's
  )
  # Without `-daemon`, so that its pid is known as well.
  env -i "${environment[@]}" epmd >"$folder/epmd" 2>&1 </dev/null &
  broker_pids=($!)
  (cd "$folder" && exec env -i "${environment[@]}" "$server") >"$folder/output" 2>&1 </dev/null &
  broker_pids+=($!)

  for ((tick = 0; tick < 300; tick++)); do # 60 s and more
    # One by one: kill succeeds when one of several exists.
    kill -0 "${broker_pids[0]}" 2>/dev/null && kill -0 "${broker_pids[1]}" 2>/dev/null || return 1
    # Its own log proves that no other program answers on this port.
    if grep -q 'Server startup complete' "$folder/rabbitmq.log" 2>/dev/null && speaks_amqp "$port"; then
      # shellcheck disable=SC2034  # used by the scripts that source this file
      broker_url="amqp://guest:guest@127.0.0.1:$port/%2f"
      return
    fi
    sleep 0.2
  done
  return 1
}

# Kills the broker. It has no data to save, so no clean stop is needed.
broker_stop() {
  local pid
  for pid in "${broker_pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
  done
  for pid in "${broker_pids[@]}"; do
    wait "$pid" 2>/dev/null || true
  done
  broker_pids=()
}
