// A Kafka broker on a log folder and nothing else, for tests, clients of other makers and
// measurements.
//
//   kafka_server FOLDER [--port N] [--partitions N] [--no-auto-create] [--io-threads N]
//                [--durability memory|os|disk] [--log-level LEVEL] [--advertise-port N]
//
// prints "listening 127.0.0.1:PORT" and runs until SIGINT or SIGTERM.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/logging.h"
#ifdef WAYBILL_FAULTS
#include "checker/volatile_disk.h"
#endif
#include "server/kafka_configs.h"
#include "server/kafka_door.h"

namespace {

struct Arguments {
  std::string folder;
  std::string log_level = "info";
  std::string durability = "disk";
  int port = 0;
  std::uint16_t advertise_port = 0;
  std::size_t queued_bytes_max = 256UL << 20;
  server::KafkaOptions options;
};

// In a build with faults kill -9 is a power cut.
base::Result<base::FileSystem*> disk_of([[maybe_unused]] const std::string& folder) {
#ifdef WAYBILL_FAULTS
  static const auto disk = checker::VolatileDisk::open(
      {.scratch = folder + ".unnamed", .seed = static_cast<std::uint64_t>(::getpid())});
  if (!disk) return std::unexpected(disk.error());
  return disk->get();
#else
  return &base::posix_file_system();
#endif
}

base::Result<> serve(const Arguments& arguments, const sigset_t& signals) {
  base::SystemClock clock;
  base::FileSystem* const disk = TRY(disk_of(arguments.folder));
  const auto log = TRY(eventlog::open_embedded_log(
      *disk, clock,
      {.directory = arguments.folder, .queued_bytes_max = arguments.queued_bytes_max}));
  server::KafkaOptions options = arguments.options;
  options.address = fmt::format("127.0.0.1:{}", arguments.port);
  TRY(server::set_kafka_topic_setting(options.topic_defaults, "waybill.durability",
                                      arguments.durability));
  const auto door = TRY(server::KafkaDoor::open(*log, clock, options, *disk));
  if (arguments.advertise_port != 0) door->advertise("127.0.0.1", arguments.advertise_port);
  std::cout << "listening " << door->address() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  door->stop();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A Kafka broker on a log folder and nothing else");
  app.add_option("folder", arguments.folder, "the log's folder; made when it is not there")
      ->required();
  app.add_option("--port", arguments.port, "0 takes a free one");
  app.add_option("--partitions", arguments.options.default_partitions, "of new topics");
  app.add_flag("!--no-auto-create", arguments.options.auto_create_topics);
  app.add_option("--io-threads", arguments.options.io_threads);
  app.add_option("--durability", arguments.durability, "of new topics: memory, os or disk");
  app.add_option("--queued-bytes-max", arguments.queued_bytes_max, "of batches in the log's queue");
  app.add_option("--advertise-port", arguments.advertise_port,
                 "that clients are told to connect to, for one behind a proxy");
  app.add_option("--log-level", arguments.log_level);
  CLI11_PARSE(app, argc, argv);
  base::start_logging(arguments.log_level);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  mallopt(M_ARENA_MAX, 4);
  const auto served = serve(arguments, signals);
  if (served) return 0;
  std::cerr << served.error().to_string() << "\n";
  return 1;
}
