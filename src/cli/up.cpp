// `waybill up`: the whole platform in one process.
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>

#include "base/logging.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "server/kafka_door.h"
#include "server/registry_api.h"

namespace cli {

base::Result<base::Path> shipped_web();

namespace {

// Null when nobody asked for it.
base::Result<std::unique_ptr<server::RedisListener>> open_redis(const server::RedisWorld& world,
                                                                const std::string& address) {
  if (address.empty() || address == "none") return nullptr;
  return server::RedisListener::start(world, {.address = address});
}

// Null when the log is not in this process, or when nobody asked for it.
base::Result<std::unique_ptr<server::KafkaDoor>> open_kafka(Platform& platform,
                                                            const base::Clock& clock,
                                                            const std::string& address) {
  if (platform.embedded_log() == nullptr || address.empty() || address == "none") return nullptr;
  server::KafkaOptions options;
  options.address = address;
  for (const schema::TopicSchema& topic : platform.topics())
    options.kept_topics.insert(topic.topic.name);
  return server::KafkaDoor::open(*platform.embedded_log(), clock, options);
}

// A listener of its own for the schema registry.
struct RegistryDoor {
  std::unique_ptr<server::RegistryApi> api;
  std::unique_ptr<server::HttpListener> listener;
  std::string url;
};

// Null when the registry is not in this process, or when nobody asked for it.
base::Result<std::unique_ptr<RegistryDoor>> open_registry(Platform& platform,
                                                          const base::Clock& clock,
                                                          const std::string& address) {
  if (platform.registry() == nullptr || address.empty() || address == "none") return nullptr;
  auto door = std::make_unique<RegistryDoor>();
  door->api = std::make_unique<server::RegistryApi>(*platform.registry());
  server::HttpOptions options{.address = address};
  options.handler = [api = door->api.get()](const server::Request& request) {
    return api->answer(request);
  };
  door->listener = TRY(server::HttpListener::start(platform, clock, options));
  door->url =
      fmt::format("http://{}:{}", address.substr(0, address.rfind(':')), door->listener->port());
  return door;
}

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
  }
}

// Signals are taken by sigwait only, so that they must be blocked before any thread starts.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return set;
}

}  // namespace

base::Result<> up(const UpOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  const sigset_t signals = block_signals();
  raise_file_limit();
  mallopt(M_ARENA_MAX, 4);

  Project project = TRY(load_project(options.project));
  if (options.simulate == 0) project.simulate.reset();
  if (options.simulate > 0) {
    if (!project.simulate) project.simulate.emplace();
    project.simulate->trucks = static_cast<std::uint32_t>(options.simulate);
  }
  const std::string http = options.http.empty() ? project.http : options.http;
  const std::string postgres = options.postgres.empty() ? project.postgres : options.postgres;
  if (!options.worker.empty()) project.worker = options.worker;
  const std::string kafka_address = options.kafka.empty() ? project.kafka : options.kafka;
  const std::string redis_address = options.redis.empty() ? project.redis : options.redis;
  const std::string registry_address =
      options.registry.empty() ? project.registry : options.registry;
  const base::Path data = project.data;
  const auto door = TRY(server::listener_options(project.access, postgres));

  const auto platform = TRY(Platform::open(std::move(project)));
  server::HttpOptions http_options{.address = http};
  if (!options.web.empty()) {
    http_options.web_root = options.web;
  } else if (const auto web = shipped_web()) {
    http_options.web_root = *web;
  }
  const base::SystemClock clock;
  const auto page = TRY(server::HttpListener::start(*platform, clock, http_options));
  const auto sql = TRY(server::PostgresListener::start(door, platform->open_engine()));
  const auto kafka = TRY(open_kafka(*platform, clock, kafka_address));
  const server::RedisWorld world = platform->redis_world();
  const auto redis = TRY(open_redis(world, redis_address));

  const auto registry = TRY(open_registry(*platform, clock, registry_address));

  const std::string http_url =
      fmt::format("http://{}:{}", http.substr(0, http.rfind(':')), page->port());
  const std::string psql =
      fmt::format("{}:{}", postgres.substr(0, postgres.rfind(':')), sql->port());
  TRY(platform->start(http_url));
  const std::string brokers = kafka ? kafka->address() : "";
  TRY(write_run_file(data, {.pid = ::getpid(),
                            .http = http_url,
                            .postgres = psql,
                            .kafka = brokers,
                            .registry = registry ? registry->url : ""}));
  const auto ready = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - started);
  std::cout << fmt::format(
                   "waybill is ready in {} ms\n  page  {}\n  SQL   psql -h {} -p {} waybill\n",
                   ready.count(), http_url, psql.substr(0, psql.rfind(':')), sql->port())
            << (kafka ? fmt::format("  Kafka {}\n", brokers) : "")
            << (registry ? fmt::format("  schemas {}\n", registry->url) : "")
            << (redis ? fmt::format("  Redis redis-cli -p {}\n", redis->port()) : "") << std::flush;

  int signal = 0;
  sigwait(&signals, &signal);
  std::cout << "stopping …\n" << std::flush;
  platform->stop_waiting();
  page->stop();
  sql->stop();
  if (kafka) kafka->stop();
  if (redis) redis->stop();
  if (registry) registry->listener->stop();
  platform->stop();
  remove_run_file(data);
  std::cout << "stopped\n" << std::flush;
  return {};
}

}  // namespace cli
